#include "cli/inspect_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace foretell::cli {
namespace {

// name, how many, shape, parameters
constexpr int name_width = 17, count_width = 8, shape_width = 20, total_width = 20;

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

class Table {
 public:
  Table(const Terminal& terminal, int64_t whole) : terminal_(terminal), whole_(whole) {
    bar_width_ = std::clamp(terminal.width - (name_width + count_width + shape_width + total_width + 10), 0, 30);
  }

  void header() { line("", "how many", "rows × columns", "parameters", "  share", "2"); }

  void row(const LedgerRow& r) {
    const double part = whole_ > 0 ? static_cast<double>(r.total) / static_cast<double>(whole_) : 0;
    std::string share = pad_left(fmt::format("{:.1f} %", part * 100), 9);
    if (bar_width_ >= 8) share += " " + styled(terminal_.color, "36", bar(part, bar_width_));
    line(r.name, thousands(r.count), shape_text(r), thousands(r.total), share, "");
  }

  void line(const std::string& name, const std::string& count, const std::string& shape, const std::string& total,
            const std::string& share, const char* style) {
    std::string text = pad_right(name, name_width) + pad_left(count, count_width) + pad_left(shape, shape_width) +
                       pad_left(total, total_width);
    text_ += (*style != '\0' ? styled(terminal_.color, style, text + share) : text + share) + "\n";
  }

  std::string take() { return std::move(text_); }

 private:
  const Terminal& terminal_;
  int64_t whole_;
  int bar_width_ = 0;
  std::string text_;
};

std::string title(const Inspection& seen) {
  const ModelSpec& spec = seen.spec;
  std::string text = fmt::format("{}: {} layers", spec.architecture, thousands(std::ssize(spec.layers)));
  if (!spec.layers.empty()) {
    if (const auto* a = std::get_if<Attention>(&spec.layers.front().mixer)) {
      text += fmt::format(", {} heads of {}", thousands(a->heads), thousands(a->head_dim));
      if (a->kv_heads != a->heads) text += fmt::format(" ({} for keys and values)", thousands(a->kv_heads));
    }
  }
  return text + fmt::format(", hidden size {}, vocabulary {}, context {}", thousands(spec.hidden),
                            thousands(spec.vocabulary), thousands(spec.context));
}

std::string ledger_table(const Inspection& seen, const Terminal& terminal) {
  const Ledger& ledger = shown_ledger(seen);
  Table table(terminal, ledger.total);
  table.header();
  for (const LedgerRow& row : ledger.rows) {
    // Rows that are there for programs to find say nothing to a person where they are empty.
    if (row.total > 0 || row.name == "Unembedding") table.row(row);
  }
  table.line("Total", thousands(ledger.matrices), "matrices", thousands(ledger.total), "", "1");
  return table.take();
}

// From the lesson's total to the exact one.
std::string left_out(const Inspection& seen, const Terminal& terminal) {
  Table table(terminal, seen.exact.total);
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
  std::string text = table.take();
  if (tied) text += styled(terminal.color, "2", "(the unembedding is the embedding: stored once)") + "\n";
  return text;
}

std::string memory_lines(const Inspection& seen) {
  double kv = static_cast<double>(seen.kv_bytes_per_token) * static_cast<double>(seen.context);
  return fmt::format("Memory     weights {} {}; keys and values {} bytes for each token, {} for {} tokens\n",
                     human_bytes(static_cast<double>(seen.weights_bytes)),
                     seen.format.empty() ? "in the type that config.json names" : "as stored",
                     thousands(seen.kv_bytes_per_token), human_bytes(kv), thousands(seen.context));
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

std::string tensor_lines(const Inspection& seen) {
  size_t widest = 0, widest_type = 4;
  for (const ListedTensor& t : seen.tensors) {
    widest = std::max(widest, t.name.size());
    widest_type = std::max(widest_type, t.dtype.size());
  }
  std::string text;
  for (const ListedTensor& t : seen.tensors) {
    std::string shape;
    for (const int64_t n : t.shape) shape += (shape.empty() ? "" : " × ") + thousands(n);
    text += pad_right(visible(t.name), static_cast<int>(widest) + 2) +
            pad_right(t.dtype, static_cast<int>(widest_type) + 2) + shape + "\n";
  }
  return text;
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
      {"memory", {{"weights_bytes", seen.weights_bytes}, {"kv_bytes_per_token", seen.kv_bytes_per_token}}},
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
  if (!tensors) return out;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ListedTensor& t : seen.tensors) list.push_back({{"name", t.name}, {"dtype", t.dtype}, {"shape", t.shape}});
  out["tensors"] = list;
  return out;
}

std::string inspection_text(const Inspection& seen, bool tensors, const Terminal& terminal) {
  std::string text = styled(terminal.color, "1", title(seen)) + "\n";
  text +=
      styled(terminal.color, "2",
             visible(seen.path.string()) + (seen.format.empty() ? " (config.json alone)" : " (" + seen.format + ")"));
  text += "\n\n" + ledger_table(seen, terminal);
  if (!seen.shown) text += left_out(seen, terminal);
  text += "\n" + memory_lines(seen) + type_lines(seen);
  if (!seen.tokenizer.empty()) text += "Tokenizer  " + seen.tokenizer + "\n";
  if (seen.checked) text += "Checked    every tensor is there, of its declared shape, and every number is finite\n";
  if (tensors) text += "\n" + tensor_lines(seen);
  return text;
}

}  // namespace foretell::cli
