// Folders in which MLX keeps experts as stacks.
#include "arch/expert_stacks.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "arch/family.h"
#include "arch/open_model.h"
#include "checkpoint/stored_matrix.h"
#include "checkpoint/writer.h"
#include "foretell/model.h"
#include "model/convert.h"
#include "temp_folder.h"

using namespace foretell;

namespace {

// A copy of a folder, in groups of 8 bits, with its experts' tensors in stacks of `count`.
void write_stacked(const std::filesystem::path& from, const std::filesystem::path& to, int64_t count) {
  TempFolder temp;
  convert(open_model(from), temp.path() / "groups", {.quantize_bits = 8, .group_size = 32});
  const Checkpoint groups = open_model(temp.path() / "groups");
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, view] : groups.tensors) {
    const size_t at = name.find(".experts.");
    if (at != std::string::npos && name.compare(at, 11, ".experts.0.") != 0) continue;
    if (at == std::string::npos) {
      tensors.push_back({name, view.dtype, view.shape, [&view = view](std::span<std::byte> out) {
                           std::memcpy(out.data(), view.bytes.data(), out.size());
                         }});
      continue;
    }
    const std::string dir = name.substr(0, at), rest = name.substr(at + 11);
    std::vector<int64_t> shape = view.shape;
    shape.insert(shape.begin(), count);
    tensors.push_back(
        {dir + ".switch_mlp." + rest, view.dtype, shape, [&groups, dir, rest, count](std::span<std::byte> out) {
           const size_t bytes = out.size() / static_cast<size_t>(count);
           for (int64_t e = 0; e < count; e++) {
             const TensorView& one = groups.at(dir + ".experts." + std::to_string(e) + "." + rest);
             std::memcpy(out.data() + static_cast<size_t>(e) * bytes, one.bytes.data(), bytes);
           }
         }});
  }
  write_safetensors(to, tensors, {});
  Json config = groups.config;
  write_text_file(to / "config.json", config.dump());
}

std::vector<float> logits_of(const std::filesystem::path& folder) {
  Model model = Model::load(folder, {.threads = 1});
  Sequence sequence(model);
  const std::vector<TokenId> ids = {3, 1, 4, 1, 5, 9, 2, 6};
  const auto logits = model.next_logits(sequence, ids);
  return {logits.begin(), logits.end()};
}

}  // namespace

TEST_CASE("experts in MLX's stacks are those of the published names") {
  const auto golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch/qwen3_moe";
  TempFolder temp;
  convert(open_model(golden), temp.path() / "groups", {.quantize_bits = 8, .group_size = 32});
  write_stacked(golden, temp.path() / "stacked", 8);
  CHECK(logits_of(temp.path() / "stacked") == logits_of(temp.path() / "groups"));
  for (const auto& [name, view] : open_model(temp.path() / "stacked").tensors)
    CHECK(name.find("switch_mlp") == std::string::npos);
}

TEST_CASE("a stack of another number of experts is an error") {
  const auto golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch/qwen3_moe";
  TempFolder temp;
  write_stacked(golden, temp.path() / "stacked", 7);
  CHECK_THROWS_WITH(open_model(temp.path() / "stacked"),
                    Catch::Contains("8 matrices") && Catch::Contains("switch_mlp"));
}
