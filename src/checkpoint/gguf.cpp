#include "checkpoint/gguf.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "foretell/error.h"

namespace foretell {
namespace {

constexpr uint64_t default_alignment = 32;
constexpr int max_dimensions = 4;   // as ggml
constexpr int max_array_depth = 3;  // arrays of arrays; no known key has any

// The tensor types of ggml by their numbers (enum ggml_type), and those of them that are supported.
struct TensorType {
  std::string_view name;
  std::optional<DType> dtype = std::nullopt;
};
constexpr TensorType tensor_types[] = {{"F32", DType::F32},
                                       {"F16", DType::F16},
                                       {"Q4_0", DType::Q4_0},
                                       {"Q4_1", DType::Q4_1},
                                       {"Q4_2"},
                                       {"Q4_3"},
                                       {"Q5_0", DType::Q5_0},
                                       {"Q5_1", DType::Q5_1},
                                       {"Q8_0", DType::Q8_0},
                                       {"Q8_1"},
                                       {"Q2_K", DType::Q2_K},
                                       {"Q3_K", DType::Q3_K},
                                       {"Q4_K", DType::Q4_K},
                                       {"Q5_K", DType::Q5_K},
                                       {"Q6_K", DType::Q6_K},
                                       {"Q8_K", DType::Q8_K},
                                       {"IQ2_XXS", DType::IQ2_XXS},
                                       {"IQ2_XS", DType::IQ2_XS},
                                       {"IQ3_XXS", DType::IQ3_XXS},
                                       {"IQ1_S", DType::IQ1_S},
                                       {"IQ4_NL", DType::IQ4_NL},
                                       {"IQ3_S", DType::IQ3_S},
                                       {"IQ2_S", DType::IQ2_S},
                                       {"IQ4_XS", DType::IQ4_XS},
                                       {"I8", DType::I8},
                                       {"I16", DType::I16},
                                       {"I32", DType::I32},
                                       {"I64", DType::I64},
                                       {"F64", DType::F64},
                                       {"IQ1_M", DType::IQ1_M},
                                       {"BF16", DType::BF16},
                                       {"Q4_0_4_4"},
                                       {"Q4_0_4_8"},
                                       {"Q4_0_8_8"},
                                       {"TQ1_0", DType::TQ1_0},
                                       {"TQ2_0", DType::TQ2_0},
                                       {"IQ4_NL_4_4"},
                                       {"IQ4_NL_4_8"},
                                       {"IQ4_NL_8_8"},
                                       {"MXFP4", DType::MXFP4},
                                       {"NVFP4", DType::NVFP4},
                                       {"Q1_0", DType::Q1_0}};

std::string supported_types() {
  std::string names;
  for (const DType dtype : gguf_types()) names += (names.empty() ? "" : ", ") + std::string(info(dtype).name);
  return "one of " + names;
}

// Metadata value types (enum gguf_type).
enum class ValueType : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };
constexpr uint32_t value_types = 13;

// The fewest bytes that a value takes in the file.
uint64_t least_bytes(ValueType type) {
  static constexpr std::array<uint64_t, value_types> bytes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  return bytes[static_cast<size_t>(type)];
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::filesystem::path& path) : bytes_(bytes), path_(path) {}

  uint64_t offset() const { return offset_; }
  uint64_t left() const { return bytes_.size() - offset_; }
  void set_place(std::string place) { place_ = std::move(place); }  // the key or tensor that is read

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }

  std::string text() {
    const auto length = number<uint64_t>();
    const uint64_t start = offset_;
    std::string text(reinterpret_cast<const char*>(take(length)), length);
    if (!simdjson::validate_utf8(text)) throw error("a text is not UTF-8", start, "UTF-8", "other bytes");
    return text;
  }

  // A count of things that take at least `least` bytes each.
  uint64_t count(uint64_t least, const char* what) {
    const uint64_t start = offset_;
    const auto n = number<uint64_t>();
    if (n > left() / least)
      throw error(std::string("the count of ") + what + " is larger than the file", start,
                  "at most " + std::to_string(left() / least), std::to_string(n));
    return n;
  }

  Json value(ValueType type, int depth = 0);
  ValueType value_type();

  Error error(std::string what, uint64_t at, std::string expected, std::string found) const {
    return Error({.what = std::move(what),
                  .file = path_.string(),
                  .where = (place_.empty() ? "" : place_ + ", ") + "byte " + std::to_string(at),
                  .expected = std::move(expected),
                  .found = std::move(found)});
  }

 private:
  const std::byte* take(uint64_t n) {
    if (n > left())
      throw error("the file ends too early", offset_, std::to_string(n) + " more bytes", std::to_string(left()));
    const std::byte* data = bytes_.data() + offset_;
    offset_ += n;
    return data;
  }

  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
  std::string place_;
  uint64_t offset_ = 0;
};

ValueType Reader::value_type() {
  const uint64_t start = offset_;
  const auto type = number<uint32_t>();
  if (type >= value_types)
    throw error("unknown type of a value", start, "0 to " + std::to_string(value_types - 1), std::to_string(type));
  return static_cast<ValueType>(type);
}

// The double that is written like the float: 1e-05f is 9.99999974737875e-06 as a double.
double shortest_decimal(float value) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof text, value);
  double result = value;
  std::from_chars(text, written.ptr, result);
  return result;
}

Json Reader::value(ValueType type, int depth) {
  switch (type) {
    case ValueType::U8:
      return number<uint8_t>();
    case ValueType::I8:
      return number<int8_t>();
    case ValueType::U16:
      return number<uint16_t>();
    case ValueType::I16:
      return number<int16_t>();
    case ValueType::U32:
      return number<uint32_t>();
    case ValueType::I32:
      return number<int32_t>();
    case ValueType::U64:
      return number<uint64_t>();
    case ValueType::I64:
      return number<int64_t>();
    case ValueType::F32:
      return shortest_decimal(number<float>());
    case ValueType::F64:
      return number<double>();
    case ValueType::Bool: {
      const uint64_t start = offset_;
      const auto byte = number<uint8_t>();
      if (byte > 1) throw error("a value is no flag", start, "0 or 1", std::to_string(byte));
      return byte == 1;
    }
    case ValueType::String:
      return text();
    case ValueType::Array:
      break;
  }
  const uint64_t start = offset_;
  if (depth == max_array_depth)
    throw error("arrays are nested too deeply", start, "at most " + std::to_string(max_array_depth), "more");
  const ValueType element = value_type();
  const uint64_t n = count(least_bytes(element), "elements");
  Json::array_t array;
  array.reserve(n);
  for (uint64_t i = 0; i < n; i++) array.push_back(value(element, depth + 1));
  return array;
}

// A tensor's entry in the header.
struct Entry {
  std::string name;
  TensorView view;
  uint64_t offset = 0;  // in the data, which follows the header
  uint64_t bytes = 0;
};

Entry read_entry(Reader& reader, const std::filesystem::path& path) {
  Entry entry;
  reader.set_place("tensor entry");
  entry.name = reader.text();
  reader.set_place(entry.name);
  uint64_t start = reader.offset();
  const auto dimensions = reader.number<uint32_t>();
  if (dimensions < 1 || dimensions > max_dimensions)
    throw reader.error("wrong number of dimensions", start, "1 to " + std::to_string(max_dimensions),
                       std::to_string(dimensions));
  start = reader.offset();
  for (uint32_t i = 0; i < dimensions; i++) {
    const auto n = reader.number<int64_t>();
    if (n < 1) throw reader.error("a dimension is out of range", start, "at least 1", std::to_string(n));
    entry.view.shape.push_back(n);
  }
  const uint64_t type_start = reader.offset();
  const auto number = reader.number<uint32_t>();
  const TensorType type = number < std::size(tensor_types) ? tensor_types[number] : TensorType{};
  if (!type.dtype)
    throw reader.error("a tensor type that is not supported", type_start, supported_types(),
                       type.name.empty() ? "type " + std::to_string(number) : std::string(type.name));
  entry.offset = reader.number<uint64_t>();
  entry.view.dtype = *type.dtype;
  entry.view.file = path;
  const DTypeInfo& dtype = info(*type.dtype);
  if (entry.view.shape.front() % dtype.block_elements != 0)
    throw reader.error("a row is no whole number of blocks", start,
                       "a multiple of " + std::to_string(dtype.block_elements),
                       std::to_string(entry.view.shape.front()));
  const auto bytes = tensor_bytes(*type.dtype, entry.view.shape);
  if (!bytes || static_cast<uint64_t>(*bytes) > reader.left())
    throw reader.error("a tensor is larger than the file", start, "at most " + std::to_string(reader.left()) + " bytes",
                       bytes ? std::to_string(*bytes) : "more than 64 bits can count");
  entry.bytes = static_cast<uint64_t>(*bytes);
  std::reverse(entry.view.shape.begin(), entry.view.shape.end());  // ggml's first dimension is the contiguous one
  return entry;
}

void read_signature(Reader& reader) {
  char magic[4];
  for (char& c : magic) c = reader.number<char>();
  if (std::string_view(magic, 4) != "GGUF") throw reader.error("not a GGUF file", 0, "\"GGUF\"", "other bytes");
  const auto version = reader.number<uint32_t>();
  if (version == 2 || version == 3) return;
  const bool big_endian = (version & 0xffff) == 0;
  throw reader.error("a version of GGUF that is not supported", 4, "2 or 3",
                     big_endian ? "a big-endian file" : std::to_string(version));
}

Json read_metadata(Reader& reader, uint64_t count) {
  Json metadata = Json::object();
  for (uint64_t i = 0; i < count; i++) {
    reader.set_place("metadata key");
    const uint64_t start = reader.offset();
    std::string key = reader.text();
    reader.set_place(key);
    if (metadata.contains(key)) throw reader.error("a key stands there twice", start, "once", "twice");
    const ValueType type = reader.value_type();
    metadata[key] = reader.value(type);
  }
  reader.set_place({});
  return metadata;
}

uint64_t read_alignment(const Reader& reader, const Json& metadata) {
  const auto it = metadata.find("general.alignment");
  if (it == metadata.end()) return default_alignment;
  if (it->is_number_unsigned() && it->get<uint64_t>() <= (uint64_t{1} << 20) &&
      std::has_single_bit(it->get<uint64_t>()))
    return it->get<uint64_t>();
  throw reader.error("general.alignment is out of range", reader.offset(), "a power of two", it->dump());
}

uint64_t round_up(uint64_t n, uint64_t alignment) { return (n + alignment - 1) / alignment * alignment; }

// Tensors follow one another without overlap, each beginning at the next multiple of the alignment, as ggml demands.
void place_tensors(GgufFile& file, std::vector<Entry>& entries, const Reader& reader, std::span<const std::byte> bytes,
                   uint64_t alignment) {
  const uint64_t data = round_up(reader.offset(), alignment);
  uint64_t expected = 0;
  for (Entry& entry : entries) {
    const auto error = [&](std::string what, std::string wanted, std::string found) {
      return Error({.what = std::move(what),
                    .file = file.path.string(),
                    .where = entry.name,
                    .expected = std::move(wanted),
                    .found = std::move(found)});
    };
    if (entry.offset != expected)
      throw error("a tensor does not follow the one before it", "offset " + std::to_string(expected),
                  std::to_string(entry.offset));
    // `expected` stays far below 2^64: every tensor before this one lies inside the file.
    if (data > bytes.size() || entry.offset > bytes.size() - data || entry.bytes > bytes.size() - data - entry.offset)
      throw error("a tensor reaches beyond the end of the file", "at most " + std::to_string(bytes.size()) + " bytes",
                  "an end at " + std::to_string(data + entry.offset + entry.bytes));
    entry.view.bytes = bytes.subspan(data + entry.offset, entry.bytes);
    expected = round_up(entry.offset + entry.bytes, alignment);
    if (!file.tensors.emplace(entry.name, std::move(entry.view)).second)
      throw error("a tensor stands there twice", "once", "twice");
  }
}

}  // namespace

std::vector<DType> gguf_types() {
  std::vector<DType> types;
  for (const TensorType& type : tensor_types)
    if (type.dtype) types.push_back(*type.dtype);
  return types;
}

GgufFile parse_gguf(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  static_assert(std::endian::native == std::endian::little, "numbers are read as they lie in the file");
  GgufFile file{.path = path, .metadata = nullptr, .tensors = {}, .storage = nullptr};
  Reader reader(bytes, path);
  read_signature(reader);
  constexpr uint64_t least_entry = 8 + 4 + 8 + 4 + 8;  // name's length, dimensions, one of them, type, offset
  constexpr uint64_t least_pair = 8 + 4 + 1;           // key's length, type, value
  const uint64_t tensors = reader.count(least_entry, "tensors");
  const uint64_t pairs = reader.count(least_pair, "metadata keys");
  file.metadata = read_metadata(reader, pairs);
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < tensors; i++) entries.push_back(read_entry(reader, path));
  reader.set_place({});
  place_tensors(file, entries, reader, bytes, read_alignment(reader, file.metadata));
  return file;
}

GgufFile read_gguf(const std::filesystem::path& path) {
  auto mapping = std::make_shared<const MappedFile>(path);
  GgufFile file = parse_gguf(mapping->bytes(), path);
  for (auto& [name, view] : file.tensors) view.mapped = true;
  file.storage = std::move(mapping);
  return file;
}

}  // namespace foretell
