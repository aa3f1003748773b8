// The commands, one file each. main.cpp adds them in this order, which is the order of the help.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/context.h"

namespace foretell::cli {

void add_generate_command(CLI::App& app, Context& context);
void add_chat_command(CLI::App& app, Context& context);
void add_next_command(CLI::App& app, Context& context);
void add_score_command(CLI::App& app, Context& context);
void add_near_command(CLI::App& app, Context& context);
void add_analogy_command(CLI::App& app, Context& context);
void add_direction_command(CLI::App& app, Context& context);
void add_explore_command(CLI::App& app, Context& context);
void add_explain_command(CLI::App& app, Context& context);
void add_inspect_command(CLI::App& app, Context& context);
void add_tokenize_command(CLI::App& app, Context& context);
void add_detokenize_command(CLI::App& app, Context& context);
void add_convert_command(CLI::App& app, Context& context);
void add_bench_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);

}  // namespace foretell::cli
