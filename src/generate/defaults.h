// generation_config.json and config.json as options.
#pragma once

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "foretell/generation_defaults.h"

namespace foretell {

// Each an object or null. Throws Error (where: the key) for values that are of another type or out of their range; the
// caller adds the file.
GenerationDefaults generation_defaults(const Json& generation_config, const Json& config);

// Of a checkpoint; errors name its file.
GenerationDefaults generation_defaults(const Checkpoint& checkpoint);

}  // namespace foretell
