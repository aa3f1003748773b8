// pytorch_model.bin: what torch.save writes (tests/golden/pytorch/make.py).
#include "checkpoint/pytorch.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "base/mapped_file.h"
#include "checkpoint/safetensors.h"
#include "foretell/error.h"
#include "temp_folder.h"

using namespace foretell;
namespace fs = std::filesystem;

namespace {

const fs::path golden = FORETELL_SOURCE_DIR "/tests/golden/pytorch";

// All that `found` has is what torch has, to the byte.
void check_same(const Checkpoint& found, size_t count) {
  Checkpoint expected;
  add_safetensors_file(golden / "expected.safetensors", expected);
  CHECK(found.tensors.size() == count);
  for (const auto& [name, tensor] : found.tensors) {
    INFO(name);
    const TensorView& reference = expected.at(name);
    CHECK(info(tensor.dtype).name == info(reference.dtype).name);
    CHECK(tensor.shape == reference.shape);
    REQUIRE(tensor.bytes.size() == reference.bytes.size());
    if (!tensor.bytes.empty())
      CHECK(std::memcmp(tensor.bytes.data(), reference.bytes.data(), tensor.bytes.size()) == 0);
  }
}

std::string error_of(const fs::path& file) {
  try {
    Checkpoint checkpoint;
    add_pytorch_file(file, checkpoint);
    return "no error";
  } catch (const Error& error) {
    const std::string text = error.what();
    return text.substr(text.find(file.filename().string()));
  }
}

std::string cut(const char* name, size_t keep, const TempFolder& folder) {
  const MappedFile file(golden / name);
  const auto* text = reinterpret_cast<const char*>(file.bytes().data());
  return error_of(folder.write("cut.bin", std::string_view(text, keep)));
}

}  // namespace

TEST_CASE("files of torch.save are read as torch reads them") {
  for (const char* name : {"new.bin", "protocol4.bin", "zip64.bin", "old.bin"}) {
    INFO(name);
    Checkpoint checkpoint;
    add_pytorch_file(golden / name, checkpoint);
    CHECK(checkpoint.format == "pytorch");
    check_same(checkpoint, std::string_view(name) == "old.bin" ? 13 : 14);
    CHECK(checkpoint.at("weight").mapped);
    CHECK_FALSE(checkpoint.at("turned").mapped);  // copied into the order of its shape
  }
}

TEST_CASE("folders of pytorch_model.bin, whole and in shards") {
  for (const char* folder : {"whole", "shards"}) {
    INFO(folder);
    check_same(open_checkpoint(golden / folder), 14);
  }
  check_same(open_checkpoint(golden / "shards/pytorch_model.bin.index.json"), 14);
  check_same(open_checkpoint(golden / "whole/pytorch_model.bin"), 14);
  CHECK_THROWS_AS(open_checkpoint(golden / "shards/pytorch_model-00001-of-00002.bin"), Error);
}

TEST_CASE("pickles that hold more than tensors are refused by name, and nothing is run") {
  CHECK(error_of(golden / "bad_call.bin") ==
        "bad_call.bin: a pickle that names what is no tensor (where: byte 13 of the pickle; found __builtin__.print)");
  CHECK(error_of(golden / "bad_module.bin") ==
        "bad_module.bin: a pickle that names what is no tensor (where: byte 13 of the pickle; found "
        "torch.nn.modules.linear.Linear)");
  CHECK(error_of(golden / "bad_sparse.bin") ==
        "bad_sparse.bin: a pickle that names what is no tensor (where: byte 13 of the pickle; found "
        "torch._utils._rebuild_sparse_tensor)");
  CHECK(error_of(golden / "bad_list.bin") == "bad_list.bin: not a dictionary of tensors");
  CHECK(error_of(golden / "bad_number.bin") == "bad_number.bin: not a tensor (where: a)");
}

TEST_CASE("tensors that are not stored element by element are refused") {
  CHECK(error_of(golden / "bad_expanded.bin") ==
        "bad_expanded.bin: a tensor repeats elements of its storage (where: a; found [1000] with strides [0])");
  CHECK(error_of(golden / "bad_deflated.bin") ==
        "bad_deflated.bin: a member of the zip file is not stored as it is (where: new/byteorder; expected no "
        "compression and no encryption, found method 8)");
}

TEST_CASE("files of torch.save that are cut off") {
  const TempFolder folder;
  CHECK(cut("new.bin", 4000, folder) == "cut.bin: a damaged zip file: it does not end as one, it may be cut off");
  CHECK(cut("old.bin", 1900, folder).starts_with("cut.bin: a storage reaches beyond the file"));
  CHECK(cut("old.bin", 100, folder) == "cut.bin: the pickle ends too early (where: byte 74 of the pickle)");
  CHECK(cut("expected.safetensors", 300, folder).starts_with("cut.bin: "));
}
