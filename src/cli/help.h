// Help that is good to read.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace foretell::cli {

// What `foretell` alone prints: examples first, then the commands.
std::string short_help(const CLI::App& app);

// Lays out --help: flags in groups, texts broken to the width, defaults behind them.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(int width) : width_(width) {}
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_option(const CLI::Option* option, bool positional) const override;

 private:
  std::string row(const std::string& left, const std::string& right) const;
  int width_;
};

}  // namespace foretell::cli
