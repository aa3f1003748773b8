#include "checkpoint/writer.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "base/mapped_file.h"
#include "checkpoint/checkpoint.h"
#include "foretell/error.h"
#include "temp_folder.h"

using namespace foretell;

namespace {

// Bytes that differ from tensor to tensor.
TensorToWrite tensor(const std::string& name, DType dtype, std::vector<int64_t> shape) {
  return {name, dtype, std::move(shape), [name](std::span<std::byte> out) {
            for (size_t i = 0; i < out.size(); i++) out[i] = static_cast<std::byte>(i + 31 * name.size());
          }};
}

Checkpoint reopen(const TempFolder& folder) {
  folder.write("config.json", "{}");
  return open_checkpoint(folder.path());
}

void check_same(const Checkpoint& found, const std::vector<TensorToWrite>& written) {
  CHECK(found.tensors.size() == written.size());
  for (const TensorToWrite& t : written) {
    const TensorView& view = found.at(t.name);
    CHECK(view.dtype == t.dtype);
    CHECK(view.shape == t.shape);
    std::vector<std::byte> expected(view.bytes.size());
    t.fill(expected);
    CHECK(std::equal(view.bytes.begin(), view.bytes.end(), expected.begin(), expected.end()));
    // The mapping begins at a page.
    CHECK(reinterpret_cast<uintptr_t>(view.bytes.data()) % static_cast<uintptr_t>(info(t.dtype).block_bytes) == 0);
  }
}

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a model is written as one file and read again") {
  const TempFolder folder;
  const std::vector<TensorToWrite> tensors = {tensor("b.odd", DType::U8, {3}), tensor("a", DType::F32, {2, 3}),
                                              tensor("c \"quoted\" \xc3\xa9", DType::BF16, {1}),
                                              tensor("empty", DType::F16, {0, 4}), tensor("scalar", DType::F64, {})};
  int64_t last = 0;
  write_safetensors(folder.path() / "new", tensors, {.progress = [&](int64_t done, int64_t total) {
                      CHECK(done > last - 1);
                      CHECK(total == 3 + 24 + 2 + 8);
                      last = done;
                    }});
  CHECK(last == 37);
  folder.write("new/config.json", "{}");
  check_same(open_checkpoint(folder.path() / "new"), tensors);
  const std::string file = read_text_file(folder.path() / "new" / "model.safetensors");
  CHECK(file[0] % 8 == 0);
  CHECK(file.find(R"("__metadata__":{"format":"pt"})") != std::string::npos);
}

TEST_CASE("shards keep below the limit, header included, but for a tensor that is larger") {
  const TempFolder folder;
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < 20; i++) tensors.push_back(tensor("layer." + std::to_string(i), DType::F16, {10 + i}));
  tensors.push_back(tensor("large", DType::F32, {1000}));
  tensors.push_back(tensor("after", DType::F32, {1}));
  constexpr int64_t limit = 512;
  write_safetensors(folder.path(), tensors, {.max_shard_bytes = limit, .progress = {}});
  check_same(reopen(folder), tensors);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename().string();
    CHECK(name.find(".part") == std::string::npos);
    if (!name.ends_with(".safetensors")) continue;
    files++;
    const bool large = entry.file_size() > 4000;
    CHECK((large || entry.file_size() <= limit));
  }
  CHECK(files > 3);
  const Json index = read_json_file(folder.path() / "model.safetensors.index.json");
  CHECK(index["metadata"]["total_size"] == 2 * (200 + 190) + 4000 + 4);
  CHECK(index["weight_map"].size() == tensors.size());
}

TEST_CASE("files of the same names are replaced, other weights in the folder are an error and stay") {
  const TempFolder folder;
  const std::vector<TensorToWrite> one = {tensor("a", DType::F32, {2})}, other = {tensor("bb", DType::F32, {300})};
  write_safetensors(folder.path(), one, {});
  write_safetensors(folder.path(), other, {});
  check_same(reopen(folder), other);
  const std::vector<TensorToWrite> two = {tensor("a", DType::F32, {300}), tensor("b", DType::F32, {300})};
  const std::string error =
      message([&] { write_safetensors(folder.path(), two, {.max_shard_bytes = 1000, .progress = {}}); });
  CHECK(error.find("found model.safetensors") != std::string::npos);
  check_same(reopen(folder), other);
}

TEST_CASE("a write that fails leaves what was there") {
  const TempFolder folder;
  const std::vector<TensorToWrite> one = {tensor("a", DType::F32, {2})};
  write_safetensors(folder.path(), one, {});
  std::vector<TensorToWrite> bad = {tensor("a", DType::F32, {2}), tensor("b", DType::F32, {2})};
  bad[1].fill = [](std::span<std::byte>) { throw Error({.what = "cannot be made"}); };
  CHECK(message([&] { write_safetensors(folder.path(), bad, {}); }) == "cannot be made");
  check_same(reopen(folder), one);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("tensors that safetensors cannot hold are refused before anything is written") {
  const TempFolder folder;
  const auto refused = [&](std::vector<TensorToWrite> tensors) {
    return message([&] { write_safetensors(folder.path(), tensors, {}); });
  };
  CHECK(refused({tensor("a", DType::F32, {1}), tensor("a", DType::F32, {1})})
            .find("two tensors of one name (where: a)") != std::string::npos);
  CHECK(refused({tensor("__metadata__", DType::F32, {1})}).find("keeps for itself") != std::string::npos);
  CHECK(refused({tensor("q", DType::Q4_0, {32})}).find("found Q4_0") != std::string::npos);
  CHECK(refused({tensor("big", DType::F32, {int64_t{1} << 40, int64_t{1} << 40})}).find("overflows") !=
        std::string::npos);
  CHECK(refused({tensor("half", DType::F4, {3})}).find("whole number of bytes") != std::string::npos);
  CHECK(refused({tensor("\xff", DType::F32, {1})}).find("not UTF-8") != std::string::npos);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a text is written beside its place and renamed, links keep pointing") {
  const TempFolder folder;
  const auto target = folder.write("target.txt", "old");
  const auto link = folder.path() / "link.txt";
  std::filesystem::create_symlink("target.txt", link);
  write_text_file(link, "new");
  CHECK(read_text_file(target) == "new");
  CHECK(std::filesystem::is_symlink(link));
  write_text_file("/dev/null", "gone");
  CHECK(message([&] { write_text_file(folder.path() / "none" / "file", "x"); }).find("No such file") !=
        std::string::npos);
  CHECK(message([&] { write_text_file(folder.path(), "x"); }).find("Is a directory") != std::string::npos);
}
