// Puts a LoRA adapter over a model's tensors.
#pragma once

#include "arch/family.h"
#include "checkpoint/adapter.h"
#include "checkpoint/checkpoint.h"

namespace foretell {

// From then on StoredMatrix reads the changed matrices. Throws Error where the adapter is for a model of other modules
// or shapes. What changes an embedding that is the unembedding as well makes two of them: `spec` then says so.
void apply_adapter(Checkpoint& checkpoint, const Family& family, ModelSpec& spec, Adapter adapter);

}  // namespace foretell
