// The front end: reads the command line, runs one command, and turns whatever goes wrong into one line and an exit
// code.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/process_time.h"
#include "cli/settings.h"

namespace foretell::cli {
namespace {

void set_up_logging(const Context& context) {
  const auto mode = context.err_terminal.color ? spdlog::color_mode::always : spdlog::color_mode::never;
  auto logger = spdlog::stderr_color_mt("foretell", mode);
  logger->set_pattern("foretell: %^%l%$: %v");
  const CommonOptions& o = context.options;
  logger->set_level(o.quiet ? spdlog::level::err : o.verbose ? spdlog::level::debug : spdlog::level::info);
  spdlog::set_default_logger(logger);
}

void look_at_terminals(Context& context) {
  context.out_terminal = look_at_stream(STDOUT_FILENO, context.options.color);
  context.err_terminal = look_at_stream(STDERR_FILENO, context.options.color);
}

void add_commands(CLI::App& app, Context& context) {
  add_generate_command(app, context);
  add_chat_command(app, context);
  add_next_command(app, context);
  add_explore_command(app, context);
  add_score_command(app, context);
  add_near_command(app, context);
  add_analogy_command(app, context);
  add_direction_command(app, context);
  add_explain_command(app, context);
  add_inspect_command(app, context);
  add_tokenize_command(app, context);
  add_detokenize_command(app, context);
  add_convert_command(app, context);
  add_bench_command(app, context);
  add_completion_command(app, context);
}

// Reads the arguments; what is left to do is in context.run then.
void read_command_line(CLI::App& app, Context& context, int argc, char** argv) {
  std::vector<std::string> arguments;  // backwards, as CLI11 wants them
  const std::string command = argc > 1 ? argv[1] : "";
  const bool takes_words = command == "near" || command == "analogy" || command == "direction";
  for (int i = argc - 1; i > 0; i--) {
    const std::string argument = argv[i];
    // CLI11 takes `--flag=` for a flag without its value; an empty value is one.
    if (argument.size() > 3 && argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      arguments.emplace_back();
      arguments.push_back(argument.substr(0, argument.size() - 1));
    } else if (takes_words && argument.starts_with('[') && argument.ends_with(']')) {
      arguments.push_back(argument + " ");  // CLI11 takes lists in brackets apart; here it is a word ([INST])
    } else {
      arguments.push_back(argument);
    }
  }
  // `foretell help` and `foretell help COMMAND`, as others have it.
  if (!arguments.empty() && arguments.back() == "help") {
    arguments.pop_back();
    arguments.insert(arguments.begin(), "--help");
  }
  if (arguments.empty()) {
    context.run = [&] { context.out.write(short_help(app)); };
    return;
  }
  try {
    app.parse(std::move(arguments));
    apply_settings(app);
  } catch (const CLI::CallForHelp&) {
    context.run = [&] { context.out.write(app.help()); };
  } catch (const CLI::CallForVersion& version) {
    context.run = [&, text = std::string(version.what())] { context.out.write(text + "\n"); };
  } catch (const CLI::ParseError& error) {
    throw usage_error(error, app);
  }
  if (!context.run) throw UsageError({.what = "no command was given", .hint = "foretell --help lists the commands"});
}

void print_error(const Error& error, const Context& context) {
  spdlog::error("{}", error.what());
  if (!error.parts().hint.empty() && !context.options.quiet)
    std::fprintf(stderr, "foretell: hint: %s\n", error.parts().hint.c_str());
}

// Under --json a program that reads standard output learns of the failure there.
void print_error_json(const Error& error, Context& context) {
  try {
    context.print_json({{"error", error_document(error)}});
    context.out.flush();
  } catch (...) {
    // The failure is on standard error already; that its second copy is lost changes nothing.
  }
}

int fail(const Error& error, Context& context) {
  print_error(error, context);
  if (context.options.json) print_error_json(error, context);
  return exit_failed;
}

int run(int argc, char** argv) {
  Context context;
  look_at_terminals(context);
  CLI::App app("Runs published Transformer language models and shows how they work.", "foretell");
  app.formatter(std::make_shared<HelpFormatter>(context.out_terminal.width));
  app.require_subcommand(0, 1);
  app.set_help_flag("-h,--help", "Show this help");
  app.set_version_flag("--version", "foretell " FORETELL_VERSION, "Show the version");
  app.get_formatter()->label("OPTIONS", "FLAGS");
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app.footer(
      "`foretell COMMAND --help` explains a command. Every flag can also be set by a variable FORETELL_<FLAG> or in"
      "\n$XDG_CONFIG_HOME/foretell/config.toml.");
  add_commands(app, context);
  try {
    try {
      read_command_line(app, context, argc, argv);
    } catch (...) {
      look_at_terminals(context);
      set_up_logging(context);
      throw;
    }
    look_at_terminals(context);
    set_up_logging(context);
    context.run();
    context.out.flush();
  } catch (const UsageError& error) {
    print_error(error, context);
    return exit_usage;
  } catch (const ClosedPipe&) {
    return exit_done;
  } catch (const Interrupted&) {
    return exit_interrupted;
  } catch (const Error& error) {
    return fail(error, context);
  } catch (const std::bad_alloc&) {
    return fail(Error({.what = "out of memory"}), context);
  } catch (const std::exception& error) {
    return fail(Error({.what = error.what()}), context);
  }
  return interrupted() ? exit_interrupted : exit_done;
}

}  // namespace
}  // namespace foretell::cli

int main(int argc, char** argv) {
  foretell::cli::note_start();
  std::signal(SIGPIPE, SIG_IGN);
  foretell::cli::reserve_standard_streams();
  foretell::cli::handle_interrupts();
  return foretell::cli::run(argc, argv);
}
