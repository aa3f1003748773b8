// What every command shares: the common options, where results and messages go, and which command was chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "foretell/model.h"

namespace foretell::cli {

struct CommonOptions {
  std::string model;  // as it was given; empty: the default model
  std::optional<int64_t> threads;
  Precision precision = Precision::Fast;
  KvCacheFormat kv_cache = KvCacheFormat::Auto;
  int quantize_bits = 0;
  std::vector<std::string> adapters;  // DIR or DIR:SCALE
  std::string isa;                    // empty: the best
  std::optional<int64_t> context;     // tokens; absent: the model's own
  std::optional<uint64_t> seed;
  ColorChoice color = ColorChoice::Auto;
  bool json = false, quiet = false, verbose = false;
};

struct Context {
  CommonOptions options;
  Output out;  // standard output: results only. Messages go through spdlog to standard error.
  Terminal out_terminal, err_terminal;
  std::function<void()> run;  // the chosen command's work; set while the command line is read

  // One JSON document and a line break on standard output. Bytes that are not UTF-8 come out as U+FFFD.
  void print_json(const nlohmann::ordered_json& document);
};

// What an error says, for a program: message, file, where, and what was expected and found.
nlohmann::ordered_json error_document(const Error& error);

// A command and what it does once all options are known. `examples` are whole lines, shown at the end of its help.
CLI::App& add_command(CLI::App& app, Context& context, const std::string& name, const std::string& description,
                      const std::vector<std::string>& examples, std::function<void()> run);

// The common options by what they are about; a command adds those that mean something to it.
void add_model_option(CLI::App& command, Context& context, bool positional = false);  // -m
void add_compute_options(CLI::App& command, Context& context);   // -t, --precision, --quantize, -c, --isa
void add_threads_option(CLI::App& command, Context& context);    // -t
void add_precision_option(CLI::App& command, Context& context);  // --precision and --kv-bits
void add_seed_option(CLI::App& command, Context& context);       // --seed
void add_output_options(CLI::App& command, Context& context, bool json = true);  // --json, --color, -q, -v

}  // namespace foretell::cli
