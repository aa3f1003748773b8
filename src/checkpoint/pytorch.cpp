#include "checkpoint/pytorch.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <optional>

#include "base/mapped_file.h"
#include "checkpoint/pickle.h"
#include "checkpoint/zip.h"

namespace foretell {
namespace {

using Kind = Pickle::Kind;

struct NamedType {
  std::string_view storage, dtype;  // "FloatStorage", "float32"
  DType type;
};

constexpr std::array types = {
    NamedType{"FloatStorage", "float32", DType::F32},
    NamedType{"HalfStorage", "float16", DType::F16},
    NamedType{"BFloat16Storage", "bfloat16", DType::BF16},
    NamedType{"DoubleStorage", "float64", DType::F64},
    NamedType{"LongStorage", "int64", DType::I64},
    NamedType{"IntStorage", "int32", DType::I32},
    NamedType{"ShortStorage", "int16", DType::I16},
    NamedType{"CharStorage", "int8", DType::I8},
    NamedType{"ByteStorage", "uint8", DType::U8},
    NamedType{"BoolStorage", "bool", DType::Bool},
    NamedType{"ComplexFloatStorage", "complex64", DType::C64},
    NamedType{"", "float8_e4m3fn", DType::F8E4M3},
    NamedType{"", "float8_e5m2", DType::F8E5M2},
    NamedType{"", "uint16", DType::U16},
    NamedType{"", "uint32", DType::U32},
    NamedType{"", "uint64", DType::U64},
};

bool is_rebuild(std::string_view name) {
  return name == "_rebuild_tensor_v2" || name == "_rebuild_tensor_v3" || name == "_rebuild_parameter";
}

bool allowed(std::string_view module, std::string_view name) {
  if (module == "torch._utils") return is_rebuild(name);
  if (module == "torch.storage") return name == "UntypedStorage";
  return module == "torch" && std::any_of(types.begin(), types.end(),
                                          [&](const NamedType& t) { return t.storage == name || t.dtype == name; });
}

// What the storage of one tensor is: found by its key, its elements' type where that is known from it.
struct Storage {
  std::string key;
  std::optional<DType> dtype;  // nothing: bytes
  int64_t elements = 0;        // bytes then
  int64_t offset = 0;          // of a part of another storage, in elements
};

// A dictionary of tensors out of a pickle, whose storages `bytes_of` finds.
class TensorReader {
 public:
  using BytesOf = std::function<std::span<const std::byte>(const Storage& storage)>;
  TensorReader(const Pickle& pickle, const std::filesystem::path& path, BytesOf bytes_of)
      : pickle_(pickle), path_(path), bytes_of_(std::move(bytes_of)) {}

  PytorchTensors read() {
    const PickleNode& root = pickle_.root();
    if (root.kind != Kind::Dict) throw error("not a dictionary of tensors", {});
    for (size_t i = 0; i < root.items.size(); i += 2) {
      const PickleNode& name = pickle_[root.items[i]];
      if (name.kind != Kind::Text) throw error("a tensor's name is no text", {});
      name_ = name.text;
      found_.tensors.insert_or_assign(std::string(name_), tensor(pickle_[root.items[i + 1]]));
    }
    return std::move(found_);
  }

  // storage[0] is "storage", then its type, key, place and number of elements; the old format adds the part of another
  // storage that it is: (key, offset, size).
  Storage storage(const PickleNode& node) const {
    const PickleNode* id = node.kind == Kind::Persistent ? &pickle_[node.items[0]] : nullptr;
    if (id == nullptr || id->kind != Kind::Tuple || id->items.size() < 5 || item(*id, 0).text != "storage" ||
        item(*id, 1).kind != Kind::Global || item(*id, 2).kind != Kind::Text)
      throw error("not a tensor's storage", {});
    Storage found;
    found.key = item(*id, 2).text;
    found.elements = integer(item(*id, 4), "the number of a storage's elements");
    if (item(*id, 1).text != "UntypedStorage") found.dtype = dtype(item(*id, 1));
    if (id->items.size() > 5 && item(*id, 5).kind == Kind::Tuple && item(*id, 5).items.size() == 3)
      found.offset = integer(item(item(*id, 5).items[1]), "the offset of a storage");
    return found;
  }

 private:
  const PickleNode& item(uint32_t node) const { return pickle_[node]; }
  const PickleNode& item(const PickleNode& node, size_t i) const { return pickle_[node.items[i]]; }

  Error error(std::string what, std::string found) const {
    return Error(
        {.what = std::move(what), .file = path_.string(), .where = std::string(name_), .found = std::move(found)});
  }
  int64_t integer(const PickleNode& node, const char* what) const {
    if (node.kind != Kind::Integer || node.number < 0) throw error(std::string(what) + " is no whole number", {});
    return node.number;
  }
  std::vector<int64_t> integers(const PickleNode& node, const char* what) const {
    if (node.kind != Kind::Tuple) throw error(std::string(what) + " is no tuple", {});
    std::vector<int64_t> numbers;
    for (const uint32_t i : node.items) numbers.push_back(integer(item(i), what));
    return numbers;
  }
  DType dtype(const PickleNode& global) const {
    for (const NamedType& type : types)
      if (global.text == type.storage || global.text == type.dtype) return type.type;
    throw error("an unknown dtype", std::string(global.text));
  }

  TensorView tensor(const PickleNode& node) {
    if (node.kind != Kind::Call) throw error("not a tensor", {});
    const std::string_view function = item(node, 0).text;
    const PickleNode& arguments = item(node, 1);
    if (function == "_rebuild_parameter") {
      const bool inside = !arguments.items.empty() && item(arguments, 0).kind == Kind::Call &&
                          item(item(arguments, 0), 0).text.starts_with("_rebuild_tensor");
      if (!inside) throw error("a parameter that is no tensor", {});
      return tensor(item(arguments, 0));
    }
    const bool third = function == "_rebuild_tensor_v3";
    if ((!third && function != "_rebuild_tensor_v2") || arguments.items.size() < (third ? 7U : 6U))
      throw error("not a tensor", std::string(function));
    const Storage from = storage(item(arguments, 0));
    if (third && item(arguments, 6).kind != Kind::Global) throw error("an unknown dtype", {});
    if (!third && !from.dtype) throw error("a storage without a dtype", {});
    return view(from, third ? dtype(item(arguments, 6)) : *from.dtype, integer(item(arguments, 1), "a tensor's offset"),
                integers(item(arguments, 2), "a tensor's shape"), integers(item(arguments, 3), "a tensor's strides"));
  }

  // The elements of a storage that strides and shape pick.
  TensorView view(const Storage& from, DType dtype, int64_t offset, const std::vector<int64_t>& shape,
                  const std::vector<int64_t>& strides) {
    const std::span<const std::byte> bytes = bytes_of_(from);
    const auto size = static_cast<int64_t>(info(dtype).block_bytes);
    const int64_t available = static_cast<int64_t>(bytes.size()) / size;
    const auto wanted = tensor_bytes(dtype, shape);
    if (!wanted || strides.size() != shape.size()) throw error("shape and strides do not fit", shape_text(shape));
    TensorView tensor;
    tensor.dtype = dtype;
    tensor.shape = shape;
    tensor.file = path_;
    if (*wanted == 0) return tensor;
    int64_t last = 0, next = 1;
    bool in_order = true, overflow = __builtin_add_overflow(offset, from.offset, &last);
    const int64_t first = last;
    for (size_t i = shape.size(); i-- > 0;) {
      int64_t reach = 0;
      overflow = overflow || __builtin_mul_overflow(shape[i] - 1, strides[i], &reach) ||
                 __builtin_add_overflow(last, reach, &last);
      in_order = in_order && (shape[i] == 1 || strides[i] == next);
      next *= shape[i];
    }
    if (overflow || last >= available)
      throw error("a tensor reaches beyond its storage", shape_text(shape) + " with strides " + shape_text(strides) +
                                                             " in " + std::to_string(available) + " elements");
    if (!in_order && next > available)
      throw error("a tensor repeats elements of its storage",
                  shape_text(shape) + " with strides " + shape_text(strides));
    tensor.mapped = in_order;
    tensor.bytes = in_order ? bytes.subspan(static_cast<size_t>(first * size), static_cast<size_t>(*wanted))
                            : gather(bytes.subspan(static_cast<size_t>(first * size)), shape, strides, size);
    return tensor;
  }

  // A copy with the elements one after the other.
  std::span<const std::byte> gather(std::span<const std::byte> bytes, const std::vector<int64_t>& shape,
                                    const std::vector<int64_t>& strides, int64_t size) {
    auto copy = std::make_shared<std::vector<std::byte>>();
    std::vector<int64_t> index(shape.size());
    for (int64_t at = 0;;) {
      const auto* element = bytes.data() + at * size;
      copy->insert(copy->end(), element, element + size);
      size_t i = shape.size();
      while (i-- > 0) {
        at += strides[i];
        if (++index[i] < shape[i]) break;
        at -= shape[i] * strides[i];
        index[i] = 0;
      }
      if (i == SIZE_MAX) break;
    }
    found_.storage.push_back(copy);
    return *copy;
  }

  const Pickle& pickle_;
  const std::filesystem::path& path_;
  BytesOf bytes_of_;
  std::string_view name_;
  PytorchTensors found_;
};

PytorchTensors read_zip(std::span<const std::byte> file, const std::filesystem::path& path) {
  const ZipFile zip(file, path);
  const std::string pickle_name = zip.only_name_with_end("data.pkl");
  if (pickle_name.empty())
    throw Error(
        {.what = "a zip file that torch.save has not written", .file = path.string(), .expected = "one data.pkl"});
  const std::string folder = pickle_name.substr(0, pickle_name.size() - std::string_view("data.pkl").size());
  if (zip.has(folder + "byteorder")) {
    const auto order = zip.member(folder + "byteorder");
    const std::string_view text(reinterpret_cast<const char*>(order.data()), order.size());
    if (text != "little")
      throw Error(
          {.what = "another order of bytes", .file = path.string(), .expected = "little", .found = std::string(text)});
  }
  const Pickle pickle(zip.member(pickle_name), path, allowed);
  return TensorReader(pickle, path, [&](const Storage& s) { return zip.member(folder + "data/" + s.key); }).read();
}

// torch.save's number, 0x1950a86a20f9469cfc6c.
constexpr std::string_view magic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);

// Four pickles (the number, a version, what the machine was, the tensors), the storages' keys, and for each key its
// number of elements and their bytes.
PytorchTensors read_old(std::span<const std::byte> file, const std::filesystem::path& path) {
  size_t at = 0;
  const auto next = [&] {
    Pickle pickle(file.subspan(at), path, allowed);
    at += pickle.bytes();
    return pickle;
  };
  if (const Pickle number = next(); number.root().kind != Kind::LongInteger || number.root().text != magic)
    throw Error({.what = "not a file of torch.save", .file = path.string(), .expected = "its number at the beginning"});
  next();
  next();
  const Pickle tensors = next(), keys = next();
  std::map<std::string, size_t> places;  // of the storages' numbers of elements
  std::map<std::string, int64_t> sizes;  // of an element, from the pickle
  for (uint32_t i = 0; i < tensors.size(); i++)
    if (tensors[i].kind == Kind::Persistent) {
      const Storage storage = TensorReader(tensors, path, {}).storage(tensors[i]);
      sizes[storage.key] = storage.dtype ? info(*storage.dtype).block_bytes : 1;
    }
  std::map<std::string, std::span<const std::byte>> storages;
  if (keys.root().kind != Kind::List) throw Error({.what = "no list of storages", .file = path.string()});
  for (const uint32_t i : keys.root().items) {
    const std::string key(keys[i].text);
    int64_t elements = 0, bytes = 0;
    const auto size = sizes.find(key);
    if (size == sizes.end() || file.size() - at < sizeof elements)
      throw Error({.what = "a storage is missing", .file = path.string(), .where = key});
    std::memcpy(&elements, file.data() + at, sizeof elements);
    at += sizeof elements;
    if (elements < 0 || __builtin_mul_overflow(elements, size->second, &bytes) ||
        static_cast<uint64_t>(bytes) > file.size() - at)
      throw Error({.what = "a storage reaches beyond the file",
                   .file = path.string(),
                   .where = key,
                   .found = std::to_string(elements) + " elements"});
    storages[key] = file.subspan(at, static_cast<size_t>(bytes));
    at += static_cast<size_t>(bytes);
  }
  return TensorReader(tensors, path,
                      [&](const Storage& s) {
                        const auto it = storages.find(s.key);
                        if (it == storages.end())
                          throw Error({.what = "a storage is missing", .file = path.string(), .where = s.key});
                        return it->second;
                      })
      .read();
}

}  // namespace

PytorchTensors parse_pytorch(std::span<const std::byte> file, const std::filesystem::path& path) {
  if (ZipFile::is_zip(file)) return read_zip(file, path);
  if (!file.empty() && file[0] == std::byte{0x80}) return read_old(file, path);
  const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 64));
  const bool pointer = text.starts_with("version https://git-lfs");
  throw Error({.what = "not a file of torch.save",
               .file = path.string(),
               .expected = "a zip file or a pickle",
               .hint = pointer ? "the file is a Git LFS pointer: fetch what it stands for with git lfs pull" : ""});
}

void add_pytorch_file(const std::filesystem::path& path, Checkpoint& checkpoint) {
  const auto file = std::make_shared<const MappedFile>(path);
  PytorchTensors found = parse_pytorch(file->bytes(), path);
  checkpoint.storage.push_back(file);
  checkpoint.storage.insert(checkpoint.storage.end(), found.storage.begin(), found.storage.end());
  checkpoint.format = "pytorch";
  for (auto& [name, view] : found.tensors) {
    const auto [there, added] = checkpoint.tensors.emplace(name, std::move(view));
    if (!added)
      throw Error({.what = "tensor is in two files",
                   .file = path.string(),
                   .where = name,
                   .expected = "one file",
                   .found = there->second.file.string() + " has it too"});
  }
}

}  // namespace foretell
