#include "cli/inspect_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace foretell::cli {
namespace {

const Ledger& shown_ledger(const Inspection& seen) {
  return seen.shown == LedgerKind::Exact ? seen.exact : seen.chapter;
}

const LedgerRow* find_row(const Ledger& ledger, std::string_view name) {
  const auto row = std::find_if(ledger.rows.begin(), ledger.rows.end(), [&](const auto& r) { return r.name == name; });
  return row == ledger.rows.end() ? nullptr : &*row;
}

std::string shape_text(const LedgerRow& row) {
  if (row.count == 0) return "";
  if (row.rows == 0) return "various";
  return row.matrices ? thousands(row.rows) + " × " + thousands(row.cols) : thousands(row.rows);
}

// The lines of a ledger, each column as wide as its widest number needs.
class Table {
 public:
  explicit Table(const Terminal& terminal) : terminal_(terminal) {}

  void row(const LedgerRow& r, int64_t whole) {
    const double part = whole > 0 ? static_cast<double>(r.total) / static_cast<double>(whole) : 0;
    lines_.push_back(
        {{r.name, thousands(r.count), shape_text(r), thousands(r.total), fmt::format("{:.1f} %", part * 100)},
         part,
         ""});
  }
  void line(const std::string& name, const std::string& count, const std::string& shape, const std::string& total,
            const std::string& share, const char* style) {
    lines_.push_back({{name, count, shape, total, share}, 0, style});
  }
  void text(const std::string& words) { lines_.push_back({{words}, -1, "2"}); }

  std::string print() const {
    std::array<int, 5> widths{};
    for (const Line& line : lines_)
      for (size_t c = 0; c < widths.size() && line.part >= 0; c++)
        widths[c] = std::max(widths[c], display_width(line.cells[c]));
    int used = 1;
    for (size_t c = 0; c < widths.size(); c++) used += widths[c] + (c > 0 ? 2 : 0);
    const int bar_width = std::clamp(terminal_.width - used - 1, 0, 30);
    double most = 0;
    for (const Line& line : lines_) most = std::max(most, line.part);
    std::string out;
    for (const Line& line : lines_) {
      std::string row = pad_right(line.cells[0], widths[0]);
      for (size_t c = 1; c < widths.size() && line.part >= 0; c++) row += "  " + pad_left(line.cells[c], widths[c]);
      while (row.ends_with(' ')) row.pop_back();
      out += styled(terminal_.color && *line.style != '\0', line.style, row);
      const std::string share = line.part > 0 && bar_width >= 6 ? bar(line.part / most, bar_width) : "";
      if (!share.empty()) out += " " + styled(terminal_.color, "36", share);
      out += "\n";
    }
    return out;
  }

 private:
  struct Line {
    std::array<std::string, 5> cells;  // name, how many, shape, parameters, share
    double part = 0;                   // -1: words alone
    const char* style = "";
  };
  const Terminal& terminal_;
  std::vector<Line> lines_;
};

std::string counted(int64_t count, const std::string& what) {
  return thousands(count) + " " + what + (count == 1 ? "" : "s");
}

std::string title(const Inspection& seen) {
  const ModelSpec& spec = seen.spec;
  std::string text = fmt::format("{}: {}", spec.architecture, counted(std::ssize(spec.layers), "layer"));
  if (!spec.layers.empty()) {
    if (const auto* a = std::get_if<Attention>(&spec.layers.front().mixer)) {
      text += fmt::format(", {} of {}", counted(a->heads, "head"), thousands(a->head_dim));
      if (a->kv_heads != a->heads) text += fmt::format(" ({} for keys and values)", thousands(a->kv_heads));
    }
  }
  return text + fmt::format("\nhidden size {}, vocabulary {}, context {}", thousands(spec.hidden),
                            thousands(spec.vocabulary), thousands(spec.context));
}

void add_ledger(Table& table, const Inspection& seen) {
  const Ledger& ledger = shown_ledger(seen);
  table.line("", "how many", "rows × columns", "parameters", "share", "2");
  for (const LedgerRow& row : ledger.rows) {
    // Rows that are there for programs to find say nothing to a person where they are empty.
    if (row.total > 0 || row.name == "Unembedding") table.row(row, ledger.total);
  }
  table.line("Total", thousands(ledger.matrices), "matrices", thousands(ledger.total), "", "1");
}

// From the lesson's total to the exact one.
void add_left_out(Table& table, const Inspection& seen) {
  const auto plain = [&](const std::string& name, int64_t total) {
    table.line(name, "", "", thousands(total), "", "");
  };
  for (const char* name : {"Biases", "Norms", "Positions", "Other"}) {
    const LedgerRow* row = find_row(seen.exact, name);
    if (row != nullptr && row->total > 0) plain("+ " + row->name, row->total);
  }
  const LedgerRow *here = find_row(seen.exact, "Unembedding"), *there = find_row(seen.chapter, "Unembedding");
  const bool tied = here != nullptr && there != nullptr && here->total < there->total;
  if (tied) plain("- Unembedding", there->total - here->total);
  table.line("Exactly", "", "", thousands(seen.exact.total), "", "1");
  const LedgerRow* buffers = find_row(seen.exact, "Buffers");
  if (buffers != nullptr && buffers->total > 0) plain("beside: Buffers", buffers->total);
  if (tied) table.text("(the unembedding is the embedding: stored once)");
}

double kv_bytes(const Inspection& seen) {
  return static_cast<double>(seen.kv_bytes_per_token) * static_cast<double>(seen.context);
}

// Whether it fits, and how many tokens a second at most: all that a token is multiplied with is read once for it.
std::string fit_text(const Inspection& seen, const Inspection::Weights& weights) {
  const auto memory = static_cast<double>(seen.machine.memory_bytes);
  if (memory > 0 && weights.bytes > memory) return "does not fit";
  constexpr double caches = 16e6;  // what is smaller may stay in them
  std::string text = memory > 0 && weights.bytes + kv_bytes(seen) > memory ? "fits, but not so many tokens" : "fits";
  if (weights.active < caches || seen.machine.read_bandwidth == 0) return text;
  const double tokens = seen.machine.read_bandwidth / weights.active;
  return text + fmt::format(", at most {:.{}f} tokens/s", tokens, tokens < 10 ? 2 : 0);
}

std::string memory_lines(const Inspection& seen, const Terminal& terminal) {
  const Inspection::Machine& m = seen.machine;
  const std::string with = "with " + counted(seen.context, "token");
  const int width = std::max(9, display_width(with));
  std::string text = styled(terminal.color, "2", "Memory     " + pad_left("weights", 9) + "  " + with) + "\n";
  for (const Inspection::Weights& w : seen.weights)
    text += pad_right(w.name, 11) + pad_left(human_bytes(w.bytes), 9) + "  " +
            pad_left(human_bytes(w.bytes + kv_bytes(seen)), width) + "  " + fit_text(seen, w) + "\n";
  text += fmt::format("           keys and values: {} a token, {} for {}\n", counted(seen.kv_bytes_per_token, "byte"),
                      human_bytes(kv_bytes(seen)), counted(seen.context, "token"));
  std::string machine;
  if (m.memory_bytes > 0) machine = human_bytes(static_cast<double>(m.memory_bytes)) + " of memory";
  if (m.read_bandwidth > 0)
    machine += fmt::format("{}read at {:.1f} GB/s by {}", machine.empty() ? "" : ", ", m.read_bandwidth / 1e9,
                           counted(m.threads, "thread"));
  return machine.empty() ? text : text + "Machine    " + machine + "\n";
}

std::string human_count(double count) {
  constexpr std::array<const char*, 5> units = {"", " thousand", " million", " billion", " trillion"};
  size_t unit = 0;
  for (; count >= 1000 && unit + 1 < units.size(); unit++) count /= 1000;
  return fmt::format("{:.{}f}{}", count, unit == 0 ? 0 : 1, units[unit]);
}

std::string cost_lines(const Inspection& seen) {
  std::string text = fmt::format("Operations {} a token", human_count(seen.costs.operations));
  if (seen.costs.active_parameters < 0.9 * static_cast<double>(seen.exact.total))
    text += fmt::format(", two for each of {} parameters", human_count(seen.costs.active_parameters));
  if (seen.costs.context_operations > 0)
    text += fmt::format("\n           and {} to attend to {}", human_count(seen.costs.context_operations),
                        counted(seen.context, "token"));
  return text + "\n";
}

std::string type_lines(const Inspection& seen) {
  std::string types, rounded;
  for (const ListedType& type : seen.types) {
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", thousands(type.tensors), visible(type.name));
    if (type.rounded) rounded += (rounded.empty() ? "" : ", ") + visible(type.name);
  }
  if (types.empty()) return "";
  std::string text = "Types      " + types + "\n";
  if (!rounded.empty())
    text += "           matrices in " + rounded +
            " are rounded to 8 bits in groups of 32; --precision exact uses them as they are\n";
  return text;
}

// A context may be any number.
nlohmann::ordered_json kv_bytes_json(const Inspection& seen) {
  int64_t bytes = 0;
  if (__builtin_mul_overflow(seen.kv_bytes_per_token, seen.context, &bytes)) return kv_bytes(seen);
  return bytes;
}

nlohmann::ordered_json memory_json(const Inspection& seen) {
  nlohmann::ordered_json precisions = nlohmann::ordered_json::array();
  for (const Inspection::Weights& w : seen.weights) {
    nlohmann::ordered_json entry = {
        {"name", w.name}, {"weights_bytes", std::llround(w.bytes)}, {"bytes_per_token", std::llround(w.active)}};
    if (w.active > 0) entry["most_tokens_per_s"] = seen.machine.read_bandwidth / w.active;
    entry["fits"] = w.bytes + kv_bytes(seen) <= static_cast<double>(seen.machine.memory_bytes);
    precisions.push_back(entry);
  }
  return {{"weights_bytes", seen.weights_bytes},
          {"kv_bytes_per_token", seen.kv_bytes_per_token},
          {"context", seen.context},
          {"kv_bytes", kv_bytes_json(seen)},
          {"precisions", precisions}};
}

}  // namespace

nlohmann::ordered_json inspection_json(const Inspection& seen, bool tensors) {
  const Ledger& ledger = shown_ledger(seen);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const LedgerRow& row : ledger.rows)
    rows.push_back(
        {{"name", row.name}, {"rows", row.rows}, {"cols", row.cols}, {"count", row.count}, {"total", row.total}});
  nlohmann::ordered_json out = {
      {"architecture", seen.spec.architecture},
      {"parameters", seen.exact.total},
      {"ledger", rows},
      {"ledger_total", ledger.total},
      {"matrices", ledger.matrices},
      {"tied_embeddings", seen.spec.tied_embeddings},
      {"memory", memory_json(seen)},
      {"operations",
       {{"per_token", seen.costs.operations},
        {"attention_at_context", seen.costs.context_operations},
        {"active_parameters", seen.costs.active_parameters}}},
      {"machine",
       {{"memory_bytes", seen.machine.memory_bytes},
        {"read_bandwidth_bytes_per_s", seen.machine.read_bandwidth},
        {"threads", seen.machine.threads}}},
      {"layers", seen.spec.layers.size()},
      {"hidden_size", seen.spec.hidden},
      {"vocabulary_size", seen.spec.vocabulary},
      {"context_length", seen.spec.context},
      {"path", seen.path.string()},
  };
  if (!seen.format.empty()) out["format"] = seen.format;
  if (!seen.tokenizer.empty()) out["tokenizer"] = seen.tokenizer;
  nlohmann::ordered_json types = nlohmann::ordered_json::array();
  for (const ListedType& type : seen.types)
    types.push_back(
        {{"dtype", type.name}, {"tensors", type.tensors}, {"bytes", type.bytes}, {"rounded", type.rounded}});
  if (!seen.types.empty()) out["types"] = types;
  if (seen.checked) out["checked"] = true;
  if (seen.checked) out["notes"] = seen.notes;
  if (tensors) out["tensors"] = tensors_json(seen.tensors);
  return out;
}

std::string inspection_text(const Inspection& seen, bool tensors, const Terminal& terminal) {
  std::string text = styled(terminal.color, "1", title(seen)) + "\n";
  text +=
      styled(terminal.color, "2",
             visible(seen.path.string()) + (seen.format.empty() ? " (config.json alone)" : " (" + seen.format + ")"));
  Table table(terminal);
  add_ledger(table, seen);
  if (!seen.shown) add_left_out(table, seen);
  text += "\n\n" + table.print() + "\n" + type_lines(seen) + cost_lines(seen) + memory_lines(seen, terminal);
  if (!seen.tokenizer.empty()) text += "Tokenizer  " + seen.tokenizer + "\n";
  if (seen.checked) {
    text += "Checked    all tensors are there in their shapes, every number is finite, none twice\n";
    for (const std::string& note : seen.notes) text += "           " + note + "\n";
  }
  if (tensors) text += "\n" + tensor_tree(seen.tensors, terminal);
  return text;
}

}  // namespace foretell::cli
