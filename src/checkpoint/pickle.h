// Python's pickles, as far as files of tensors use them: a machine that builds plain data and calls nothing.
// The instructions: CPython's Lib/pickletools.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/error.h"

namespace foretell {

struct PickleNode {
  enum class Kind { None, Bool, Integer, LongInteger, Float, Text, Tuple, List, Dict, Global, Call, Persistent };
  Kind kind = Kind::None;
  int64_t number = 0;            // Bool, Integer
  std::string_view text = {};    // Text; Global: the name; LongInteger: its bytes, the lowest first
  std::string_view module = {};  // Global
  std::vector<uint32_t> items =
      {};  // Tuple, List; Dict: key, value, key, value; Call: global, arguments; Persistent: id
};

class Pickle {
 public:
  using Node = PickleNode;
  using Kind = PickleNode::Kind;

  using Allowed = std::function<bool(std::string_view module, std::string_view name)>;

  // Reads one pickle from the beginning of `bytes`, which outlive this. `allowed` says which globals the pickle may
  // name; an empty collections.OrderedDict becomes a Dict, every other call stays a Call. The state that is given to an
  // object is dropped. Throws Error for all that is not allowed, naming it.
  Pickle(std::span<const std::byte> bytes, const std::filesystem::path& path, const Allowed& allowed);

  const Node& root() const { return nodes_[root_]; }
  const Node& operator[](uint32_t node) const { return nodes_[node]; }
  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  size_t bytes() const { return bytes_; }  // that the pickle took

 private:
  friend class PickleMachine;
  std::vector<Node> nodes_;
  uint32_t root_ = 0;
  size_t bytes_ = 0;
};

}  // namespace foretell
