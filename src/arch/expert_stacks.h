// MLX keeps a layer's experts in one tensor for each projection; families name each expert's.
#pragma once

#include "checkpoint/checkpoint.h"

namespace foretell {

// Puts the parts of every "DIR.switch_mlp.PROJECTION" under the names that the family publishes. Throws Error where a
// stack does not hold as many as the config says. Does nothing to folders without such stacks.
void split_expert_stacks(Checkpoint& checkpoint);

}  // namespace foretell
