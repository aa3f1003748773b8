#include "checkpoint/gguf.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/stored_matrix.h"
#include "foretell/error.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/gguf";

// A GGUF file, put together number by number.
class Builder {
 public:
  template <class T>
  Builder& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Builder& text(const std::string& value) {
    number<uint64_t>(value.size());
    bytes_ += value;
    return *this;
  }
  Builder& header(uint64_t tensors, uint64_t pairs, uint32_t version = 3) {
    bytes_ += "GGUF";
    return number(version).number(tensors).number(pairs);
  }
  Builder& entry(const std::string& name, const std::vector<int64_t>& dimensions, uint32_t type, uint64_t offset) {
    text(name).number(static_cast<uint32_t>(dimensions.size()));
    for (const int64_t n : dimensions) number(n);
    return number(type).number(offset);
  }
  Builder& data(size_t size, size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment + size, '\0');
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

GgufFile parse(std::string_view bytes) {
  return parse_gguf({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "test.gguf");
}

std::string error_of(std::string_view bytes) {
  try {
    parse(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

constexpr uint32_t f32 = 0, q4_0 = 2, text_type = 8, array_type = 9;

}  // namespace

TEST_CASE("GGUF: metadata of every kind and tensors of every type are what the gguf package reads") {
  const GgufFile file = read_gguf(golden / "types.gguf");
  const Json expected = read_json_file(golden / "types.json");
  for (const auto& [key, value] : expected["metadata"].items()) {
    INFO(key);
    CHECK(file.metadata.at(key) == value);
  }
  REQUIRE(expected["tensors"].size() == 8);
  for (const auto& [type, values] : expected["tensors"].items()) {
    INFO(type);
    const TensorView& tensor = file.tensors.at("test." + type);
    CHECK(info(tensor.dtype).name == type);
    REQUIRE(tensor.shape == std::vector<int64_t>{3, 64});
    const StoredMatrix matrix = StoredMatrix::of(tensor, type);
    for (int64_t row = 0; row < 3; row++) {
      std::vector<float> found(64);
      matrix.read_row(row, found.data());
      for (size_t i = 0; i < 64; i++) CHECK(found[i] == values[static_cast<size_t>(row) * 64 + i].get<float>());
    }
  }
}

TEST_CASE("GGUF: a small file, in versions 2 and 3 and with an alignment of its own") {
  for (const uint32_t version : {2u, 3u}) {
    Builder b;
    b.header(2, 1, version).text("general.alignment").number(uint32_t{4}).number(uint32_t{64});
    b.entry("a", {3}, f32, 0).entry("b", {32, 2}, q4_0, 64).data(0, 64);
    const size_t data = b.bytes().size();
    const float value = 2.5f;
    b.number(value).data(64 + 36 - sizeof value, 1);
    const GgufFile file = parse(b.bytes());
    CHECK(file.tensors.at("a").bytes.size() == 12);
    CHECK(std::memcmp(file.tensors.at("a").bytes.data(), &value, sizeof value) == 0);
    CHECK(file.tensors.at("b").shape == std::vector<int64_t>{2, 32});
    CHECK(reinterpret_cast<const char*>(file.tensors.at("b").bytes.data()) == b.bytes().data() + data + 64);
  }
}

TEST_CASE("GGUF: a file that is cut off anywhere is an error") {
  for (const char* name : {"types.gguf", "spm.gguf"}) {
    const std::string whole = read_text_file(golden / name);
    const GgufFile file = parse(whole);
    size_t end = file.tensors.empty() ? whole.size() : 0;
    for (const auto& [tensor, view] : file.tensors)
      end = std::max(end, static_cast<size_t>(reinterpret_cast<const char*>(view.bytes.data()) - whole.data()) +
                              view.bytes.size());
    if (file.tensors.empty())
      while (whole[end - 1] == '\0' && whole.size() - end < 31) end--;  // the padding before no tensors at all
    for (size_t length = 0; length < end; length += length < 600 || length + 600 > end ? 1 : 37) {
      INFO(name << " cut to " << length << " bytes");
      REQUIRE_THAT(error_of(whole.substr(0, length)), Catch::Contains("test.gguf: "));
    }
  }
}

TEST_CASE("GGUF: what is broken is named with its place") {
  using Catch::Contains;
  const auto header = [](uint64_t tensors, uint64_t pairs) { return Builder().header(tensors, pairs); };
  CHECK_THAT(error_of("GGML\3\0\0\0"), Contains("not a GGUF file") && Contains("byte 0"));
  CHECK_THAT(error_of(Builder().header(0, 0, 1).bytes()), Contains("version") && Contains("expected 2 or 3, found 1"));
  CHECK_THAT(error_of(Builder().header(0, 0, 0x03000000).bytes()), Contains("big-endian"));
  CHECK_THAT(error_of(header(1, uint64_t{1} << 60).bytes()), Contains("count of tensors") && Contains("byte 8"));
  CHECK_THAT(error_of(header(0, uint64_t{1} << 60).bytes()), Contains("count of metadata keys"));
  CHECK_THAT(error_of(header(~uint64_t{0}, 0).bytes()), Contains("count of tensors"));

  CHECK_THAT(error_of(header(0, 1).number(uint64_t{1} << 40).data(64, 1).bytes()), Contains("ends too early"));
  CHECK_THAT(error_of(header(0, 1).text("k").number(uint32_t{13}).number(1.0).bytes()),
             Contains("unknown type of a value") && Contains("k, byte"));
  CHECK_THAT(error_of(header(0, 1).text("k").number(uint32_t{7}).number(uint8_t{2}).bytes()), Contains("no flag"));
  CHECK_THAT(error_of(header(0, 1).text("k").number(text_type).text("\xff").bytes()), Contains("not UTF-8"));
  CHECK_THAT(error_of(header(0, 1).text("k").number(text_type).text("\xed\xa0\x80").bytes()), Contains("not UTF-8"));
  CHECK_THAT(error_of(header(0, 1).text("k").number(array_type).number(text_type).number(uint64_t{1} << 61).bytes()),
             Contains("count of elements is larger than the file"));
  Builder nested = header(0, 1).text("k").number(array_type);
  for (int i = 0; i < 100; i++) nested.number(array_type).number(uint64_t{1});
  CHECK_THAT(error_of(nested.data(100, 1).bytes()), Contains("nested too deeply"));
  Builder twice = header(0, 2);
  for (int i = 0; i < 2; i++) twice.text("k").number(uint32_t{0}).number(uint8_t{1});
  CHECK_THAT(error_of(twice.bytes()), Contains("twice"));
  for (const uint32_t alignment : {0u, 3u, 48u, 0x80000000u}) {
    const Builder b =
        header(1, 1).text("general.alignment").number(uint32_t{4}).number(alignment).entry("a", {1}, f32, 0);
    CHECK_THAT(error_of(Builder(b).data(64).bytes()), Contains("general.alignment") && Contains("a power of two"));
  }
}

TEST_CASE("GGUF: broken entries of tensors") {
  using Catch::Contains;
  const auto error = [](const std::function<void(Builder&)>& entries, uint64_t count = 1) {
    Builder b;
    b.header(count, 0);
    entries(b);
    return error_of(b.data(128).bytes());
  };
  const auto one = [&](const std::vector<int64_t>& dimensions, uint32_t type, uint64_t offset) {
    return error([&](Builder& b) { b.entry("blk.0.x", dimensions, type, offset); });
  };
  CHECK(one({8, 4}, f32, 0).empty());  // exactly the 128 bytes there are
  CHECK_THAT(one({33}, f32, 0), Contains("larger than the file") && Contains("blk.0.x"));
  CHECK_THAT(one({}, f32, 0), Contains("number of dimensions") && Contains("found 0"));
  CHECK_THAT(one({1, 1, 1, 1, 1}, f32, 0), Contains("number of dimensions"));
  CHECK_THAT(one({0}, f32, 0), Contains("dimension is out of range"));
  CHECK_THAT(one({-4}, f32, 0), Contains("dimension is out of range"));
  CHECK_THAT(one({33}, q4_0, 0), Contains("whole number of blocks") && Contains("multiple of 32"));
  CHECK_THAT(one({int64_t{1} << 62, 4}, f32, 0), Contains("larger than the file"));
  CHECK_THAT(one({int64_t{1} << 33, int64_t{1} << 33}, f32, 0), Contains("larger than the file"));
  CHECK_THAT(one({8}, f32, 32), Contains("does not follow") && Contains("expected offset 0, found 32"));
  CHECK_THAT(one({8}, f32, ~uint64_t{0}), Contains("does not follow"));
  CHECK_THAT(one({32}, 9, 0), Contains("type that is not supported") && Contains("Q4_K") && Contains("found Q8_1"));
  CHECK_THAT(one({32}, 12, 0), Contains("whole number of blocks") && Contains("multiple of 256"));
  CHECK_THAT(one({256}, 12, 0), Contains("larger than the file"));
  CHECK_THAT(one({32}, 4711, 0), Contains("found type 4711"));
  const auto two = [&](const char* second, uint64_t offset) {
    return error([&](Builder& b) { b.entry("a", {9}, f32, 0).entry(second, {1}, f32, offset); }, 2);
  };
  CHECK(two("b", 64).empty());
  CHECK_THAT(error([](Builder& b) { b.entry("a", {9}, f32, 0).entry("b", {20}, f32, 64); }, 2),
             Contains("beyond the end") && Contains("where: b"));
  CHECK_THAT(two("b", 32), Contains("does not follow") && Contains("where: b"));  // overlaps
  CHECK_THAT(two("b", 96), Contains("does not follow"));                          // leaves a hole
  CHECK_THAT(two("a", 64), Contains("twice"));
}
