#include "checkpoint/pickle.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace foretell {
class PickleMachine {
 public:
  PickleMachine(Pickle& pickle, std::span<const std::byte> bytes, const std::filesystem::path& path,
                const Pickle::Allowed& allowed)
      : nodes_(pickle.nodes_), bytes_(bytes), path_(path), allowed_(allowed) {}

  uint32_t run() {
    for (;;) {
      start_ = at_;
      const auto instruction = number<uint8_t>();
      if (instruction == '.') return pop();
      if (!plain(instruction) && !structure(instruction))
        throw error("an instruction that no tensors need", hex(instruction));
    }
  }
  size_t position() const { return at_; }

 private:
  using Kind = PickleNode::Kind;

  // Numbers, texts and what is said about the pickle itself; false: another instruction.
  bool plain(uint8_t instruction) {
    switch (instruction) {
      case 0x80:  // PROTO
        if (number<uint8_t>() > 5) throw error("an unknown version of pickles", "more than 5");
        return true;
      case 0x95:  // FRAME
        number<uint64_t>();
        return true;
      case 'N':
        push({.kind = Kind::None});
        return true;
      case 0x88:
      case 0x89:
        push({.kind = Kind::Bool, .number = instruction == 0x88});
        return true;
      case 'J':
        push({.kind = Kind::Integer, .number = number<int32_t>()});
        return true;
      case 'K':
        push({.kind = Kind::Integer, .number = number<uint8_t>()});
        return true;
      case 'M':
        push({.kind = Kind::Integer, .number = number<uint16_t>()});
        return true;
      case 0x8a:  // LONG1
        push_long(text(number<uint8_t>()));
        return true;
      case 'G':
        text(8);
        push({.kind = Kind::Float});
        return true;
      case 'X':
      case 'T':
        push({.kind = Kind::Text, .text = text(number<uint32_t>())});
        return true;
      case 0x8c:
      case 'U':
        push({.kind = Kind::Text, .text = text(number<uint8_t>())});
        return true;
      case 0x8d:
        push({.kind = Kind::Text, .text = text(number<uint64_t>())});
        return true;
      default:
        return false;
    }
  }

  // What puts values together; false: another instruction.
  bool structure(uint8_t instruction) {
    switch (instruction) {
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case '0':
        pop();
        return true;
      case ')':
        push({.kind = Kind::Tuple});
        return true;
      case 0x85:
      case 0x86:
      case 0x87:
        push({.kind = Kind::Tuple, .items = pop_last(instruction - 0x84U)});
        return true;
      case 't': {
        std::vector<uint32_t> items = pop_marked();
        push({.kind = Kind::Tuple, .items = std::move(items)});
        return true;
      }
      case ']':
        push({.kind = Kind::List});
        return true;
      case '}':
        push({.kind = Kind::Dict});
        return true;
      case 'a':
        extend(Kind::List, pop_last(1), 1);
        return true;
      case 'e':
        extend(Kind::List, pop_marked(), 1);
        return true;
      case 's':
        extend(Kind::Dict, pop_last(2), 2);
        return true;
      case 'u':
        extend(Kind::Dict, pop_marked(), 2);
        return true;
      default:
        return object(instruction) || memo(instruction);
    }
  }

  bool object(uint8_t instruction) {
    switch (instruction) {
      case 'c': {
        const std::string_view module = line(), name = line();
        push_global(module, name);
        return true;
      }
      case 0x93: {  // STACK_GLOBAL
        const std::vector<uint32_t> names = pop_last(2);
        if (nodes_[names[0]].kind != Kind::Text || nodes_[names[1]].kind != Kind::Text)
          throw error("a name that is no text", {});
        push_global(nodes_[names[0]].text, nodes_[names[1]].text);
        return true;
      }
      case 'R': {
        const std::vector<uint32_t> call = pop_last(2);
        if (nodes_[call[0]].kind != Kind::Global || nodes_[call[1]].kind != Kind::Tuple)
          throw error("a call of what is no function", {});
        if (nodes_[call[0]].text == "OrderedDict" && nodes_[call[1]].items.empty())
          push({.kind = Kind::Dict});
        else
          push({.kind = Kind::Call, .items = call});
        return true;
      }
      case 'b':
        pop();
        top();
        return true;
      case 'Q':
        push({.kind = Kind::Persistent, .items = pop_last(1)});
        return true;
      default:
        return false;
    }
  }

  bool memo(uint8_t instruction) {
    switch (instruction) {
      case 'q':
        memo_[number<uint8_t>()] = top();
        return true;
      case 'r':
        memo_[number<uint32_t>()] = top();
        return true;
      case 0x94:
        memo_[static_cast<uint32_t>(memo_.size())] = top();
        return true;
      case 'h':
        recall(number<uint8_t>());
        return true;
      case 'j':
        recall(number<uint32_t>());
        return true;
      default:
        return false;
    }
  }

  void recall(uint32_t index) {
    const auto it = memo_.find(index);
    if (it == memo_.end()) throw error("a value that was not kept is asked for", std::to_string(index));
    stack_.push_back(it->second);
  }

  void push_global(std::string_view module, std::string_view name) {
    const bool dictionary = module == "collections" && name == "OrderedDict";
    if (!dictionary && !allowed_(module, name))
      throw error("a pickle that names what is no tensor", std::string(module) + "." + std::string(name));
    push({.kind = Kind::Global, .text = name, .module = module});
  }

  void push_long(std::string_view digits) {
    if (digits.size() > 8) return push({.kind = Kind::LongInteger, .text = digits});
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size(); i++) value |= uint64_t{static_cast<uint8_t>(digits[i])} << (8 * i);
    const bool negative = !digits.empty() && (digits.back() & 0x80) != 0;
    if (negative && digits.size() < 8) value |= ~uint64_t{0} << (8 * digits.size());
    push({.kind = Kind::Integer, .number = static_cast<int64_t>(value)});
  }

  void push(PickleNode node) {
    stack_.push_back(static_cast<uint32_t>(nodes_.size()));
    nodes_.push_back(std::move(node));
  }
  uint32_t top() const {
    if (stack_.size() <= floor()) throw error("a value is missing", {});
    return stack_.back();
  }
  uint32_t pop() {
    const uint32_t node = top();
    stack_.pop_back();
    return node;
  }
  std::vector<uint32_t> pop_last(size_t count) {
    if (stack_.size() - floor() < count) throw error("values are missing", {});
    std::vector<uint32_t> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  std::vector<uint32_t> pop_marked() {
    if (marks_.empty()) throw error("a mark is missing", {});
    std::vector<uint32_t> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void extend(Kind kind, const std::vector<uint32_t>& items, size_t unit) {
    PickleNode& node = nodes_[top()];
    if (node.kind != kind || items.size() % unit != 0) throw error("items for what is no list or dictionary", {});
    node.items.insert(node.items.end(), items.begin(), items.end());
  }
  // Values below the last mark are not reached.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, text(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string_view text(uint64_t size) {
    if (size > bytes_.size() - at_) throw error("the pickle ends too early", {});
    const std::string_view taken(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
    at_ += size;
    return taken;
  }
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
    const size_t size = rest.find('\n');
    if (size == std::string_view::npos) throw error("the pickle ends too early", {});
    at_ += size + 1;
    return rest.substr(0, size);
  }

  static std::string hex(uint8_t value) {
    constexpr char digits[] = "0123456789abcdef";
    return {'0', 'x', digits[value >> 4], digits[value & 15]};
  }
  Error error(std::string what, std::string found) const {
    return Error({.what = std::move(what),
                  .file = path_.string(),
                  .where = "byte " + std::to_string(start_) + " of the pickle",
                  .found = std::move(found)});
  }

  std::vector<PickleNode>& nodes_;
  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
  const Pickle::Allowed& allowed_;
  size_t at_ = 0, start_ = 0;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint32_t, uint32_t> memo_;
};

Pickle::Pickle(std::span<const std::byte> bytes, const std::filesystem::path& path, const Allowed& allowed) {
  constexpr size_t largest = size_t{1} << 25;  // an instruction of one byte makes a node of 80
  PickleMachine machine(*this, bytes.first(std::min(bytes.size(), largest)), path, allowed);
  root_ = machine.run();
  bytes_ = machine.position();
}

}  // namespace foretell
