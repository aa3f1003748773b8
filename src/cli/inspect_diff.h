// `inspect --diff`: in what two models differ.
#pragma once

#include "cli/context.h"
#include "cli/inspect_model.h"

namespace foretell::cli {

void print_difference(Context& context, const InspectedModel& here, const InspectedModel& there, bool all_tensors);

}  // namespace foretell::cli
