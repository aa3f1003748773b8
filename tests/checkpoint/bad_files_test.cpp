// Files that are broken or contradict each other: each is one line that names the file, the place, what was expected
// and what was found.
#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "checkpoint/stored_matrix.h"
#include "foretell/error.h"
#include "temp_folder.h"

using namespace foretell;

namespace {

using Files = std::map<std::string, std::string>;

// A safetensors file with this header and so many bytes of tensors; the length can be set to lie.
std::string safetensors(const std::string& header, size_t data, int64_t length = -1) {
  const uint64_t bytes = length < 0 ? header.size() : static_cast<uint64_t>(length);
  std::string file(8, 0);
  std::memcpy(file.data(), &bytes, 8);
  return file + header + std::string(data, 'x');
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

// The message with the folder's own path left out.
std::string message(const TempFolder& folder, const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return folder.relative(error.what());
  }
  return "no error";
}

struct Case {
  std::string label;
  Files files;
  std::string expected;
  std::string open = {};    // what is opened; the folder where empty
  std::string weight = {};  // then found as a matrix, where not empty
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.label);
    const TempFolder folder;
    folder.write("config.json", "{}");
    for (const auto& [name, content] : c.files) folder.write(name, content);
    CHECK(message(folder, [&] {
            const Checkpoint checkpoint = open_checkpoint(c.open.empty() ? folder.path() : folder.path() / c.open);
            if (!c.weight.empty()) StoredMatrix::find(checkpoint, c.weight);
          }) == c.expected);
  }
}

Case header(const std::string& label, const std::string& text, const std::string& expected, size_t data = 4) {
  return {label, {{"model.safetensors", safetensors(text, data)}}, "model.safetensors: " + expected};
}

const std::string good = entry("a", "F32", "[1]", "[0,4]");

}  // namespace

TEST_CASE("safetensors: lengths") {
  const auto file = [](const std::string& label, const std::string& content, const std::string& expected) {
    return Case{label, {{"model.safetensors", content}}, "model.safetensors: " + expected};
  };
  check({
      file("empty", "",
           "the file is too short for safetensors (where: header length; expected at least 8 bytes, found 0 bytes)"),
      file("seven bytes", "1234567",
           "the file is too short for safetensors (where: header length; expected at least 8 bytes, found 7 bytes)"),
      file("header beyond the cap", safetensors("{}", 0, 100'000'001),
           "the safetensors header is too long (where: header length; expected at most 100000000 bytes, found "
           "100000001)"),
      file("largest length", std::string(8, '\xff') + "{}",
           "the safetensors header is too long (where: header length; expected at most 100000000 bytes, found "
           "18446744073709551615)"),
      file("header beyond the end", safetensors("{}", 0, 3),
           "the safetensors header does not fit into the file (where: header length; expected 3 bytes, found 2 bytes "
           "after the length)"),
      file("no header", safetensors("", 0),
           "not a safetensors header (where: byte 8; expected {, found an empty header)"),
      file("a page of HTML", "<!DOCTYPE html><html></html>",
           "the safetensors header is too long (where: header length; expected at most 100000000 bytes, found "
           "5789751444030890300)"),
      header("truncated", "{" + good + "}",
             "the file is truncated (where: end of the tensors; expected 4 bytes after the header, found 3)", 3),
      header(
          "too long", "{" + good + "}",
          "the file is longer than its tensors (where: end of the tensors; expected 4 bytes after the header, found 5)",
          5),
      header("bytes without tensors", "{}",
             "the file is longer than its tensors (where: end of the tensors; expected 0 bytes after the header, found "
             "4)"),
  });
}

TEST_CASE("safetensors: headers") {
  check({
      header("a blank first", " {" + good + "}",
             "not a safetensors header (where: byte 8; expected {, found \" {\"a\":{\"dtype\":\"\")"),
      header("an array", "[]", "not a safetensors header (where: byte 8; expected {, found \"[]\")"),
      header("cut off", "{\"a\":",
             "not valid JSON (where: byte 6; found parse error at line 1, column 6: "
             "syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal)"),
      header("text after it", "{" + good + "}]",
             "not valid JSON (where: byte 55; found parse error at line 1, column 55: "
             "syntax error while parsing value - unexpected ']'; expected end of input)"),
      header("NUL after it", "{" + good + "}" + std::string(1, '\0'),
             "not valid JSON (where: byte 55; found a NUL byte)"),
      header("no UTF-8", "{\"\xff\":1}",
             "not valid JSON (where: byte 3; found parse error at line 1, column 3: "
             "syntax error while parsing object key - invalid string: ill-formed UTF-8 byte; last read: '\"\xff'; "
             "expected string literal)"),
      header("a number for a tensor", "{\"a\":1}",
             "unexpected value (where: a; expected an object with dtype, shape and data_offsets, found 1)"),
      header("metadata of numbers", "{\"__metadata__\":{\"k\":1}}",
             "unexpected value (where: __metadata__.k; expected a string, found 1)"),
      header("metadata of objects", "{\"__metadata__\":{\"k\":{}}}",
             "unexpected value (where: __metadata__.k; expected a string, found an object)"),
      header("two metadata", "{\"__metadata__\":{},\"__metadata__\":{}}", "tensor occurs twice (where: __metadata__)"),
      header("tensor twice", "{" + good + "," + good + "}", "tensor occurs twice (where: a)"),
      header("key twice", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", "key occurs twice (where: a.dtype)"),
      header("no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "key is missing (where: a; expected dtype)"),
      header("no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}",
             "key is missing (where: a; expected shape)"),
      header("no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}",
             "key is missing (where: a; expected data_offsets)"),
      header("unknown dtype", "{" + entry("a", "F31", "[1]", "[0,4]") + "}",
             "unknown dtype (where: a.dtype; expected one that safetensors has, found F31)"),
      header("dtype of another format", "{" + entry("a", "Q8_0", "[32]", "[0,34]") + "}",
             "unknown dtype (where: a.dtype; expected one that safetensors has, found Q8_0)", 34),
      header("dtype that is no text", "{\"a\":{\"dtype\":32}}",
             "unexpected value (where: a.dtype; expected a string, found 32)"),
      header("shape that is a number", "{" + entry("a", "F32", "1", "[0,4]") + "}",
             "unexpected value (where: a.shape; expected an array of whole numbers, found 1)"),
      header("shape with a text", "{" + entry("a", "F32", "[\"1\"]", "[0,4]") + "}",
             "unexpected value (where: a.shape; expected a whole number of at least 0, found \"1\")"),
      header("negative size", "{" + entry("a", "F32", "[-1]", "[0,4]") + "}",
             "unexpected value (where: a.shape; expected a whole number of at least 0, found -1)"),
      header("size with a point", "{" + entry("a", "F32", "[1.0]", "[0,4]") + "}",
             "unexpected value (where: a.shape; expected a whole number of at least 0, found 1.0)"),
      header("size beyond 64 bits", "{" + entry("a", "F32", "[9223372036854775808]", "[0,4]") + "}",
             "number is out of range (where: a.shape; expected at most 2^63 - 1, found 9223372036854775808)"),
      header("nested shape", "{" + entry("a", "F32", "[[1]]", "[0,4]") + "}",
             "unexpected value (where: a.shape; expected a whole number of at least 0, found an array)"),
  });
}

TEST_CASE("safetensors: offsets") {
  check({
      header("three offsets", "{" + entry("a", "F32", "[1]", "[0,4,4]") + "}",
             "data_offsets has another length (where: a.data_offsets; expected 2 numbers, found 3)"),
      header("end before begin", "{" + entry("a", "F32", "[1]", "[4,0]") + "}",
             "data_offsets end before they begin (where: a; expected [BEGIN, END], found [4, 0])"),
      header("a hole at the beginning", "{" + entry("a", "F32", "[1]", "[4,8]") + "}",
             "unused bytes before the tensor (where: a; expected begin at 0, found [4, 8])", 8),
      header("a hole between", "{" + good + "," + entry("b", "F32", "[1]", "[8,12]") + "}",
             "unused bytes before the tensor (where: b; expected begin at 4, found [8, 12])", 12),
      header("an overlap", "{" + good + "," + entry("b", "F32", "[1]", "[2,6]") + "}",
             "the tensor's bytes overlap those of another (where: b; expected begin at 4, found [2, 6])", 6),
      header("the same bytes twice", "{" + good + "," + entry("b", "F32", "[1]", "[0,4]") + "}",
             "the tensor's bytes overlap those of another (where: b; expected begin at 4, found [0, 4])"),
      header("bytes that do not fit the shape", "{" + entry("a", "F32", "[2]", "[0,4]") + "}",
             "data_offsets do not fit the shape (where: a; expected 8 bytes for F32 [2], found 4)"),
      header("product of sizes overflows", "{" + entry("a", "U8", "[4294967296,4294967296]", "[0,0]") + "}",
             "the tensor's size overflows or is not a whole number of bytes (where: a; found U8 [4294967296, "
             "4294967296])",
             0),
      header(
          "bytes overflow", "{" + entry("a", "F32", "[4611686018427387904]", "[0,0]") + "}",
          "the tensor's size overflows or is not a whole number of bytes (where: a; found F32 [4611686018427387904])",
          0),
      header("half a byte", "{" + entry("a", "F4", "[3]", "[0,2]") + "}",
             "the tensor's size overflows or is not a whole number of bytes (where: a; found F4 [3])", 2),
      header("offsets beyond the file",
             "{" + entry("a", "U8", "[9223372036854775807]", "[0,9223372036854775807]") + "}",
             "the file is truncated (where: end of the tensors; expected 9223372036854775807 bytes after the header, "
             "found 4)"),
  });
}

TEST_CASE("safetensors: what the reference reader takes is taken") {
  const std::vector<std::string> headers = {
      "{}",
      "{\"__metadata__\":null}   ",
      "{\"__metadata__\":{\"format\":\"pt\"}}",
      "{" + entry("scalar", "U8", "[]", "[0,1]") + "," + entry("none", "F32", "[0,4611686018427387904,9]", "[1,1]") +
          "}",
      "{\"b\":{\"new\":{\"x\":[1,{\"y\":null}],\"z\":-1.5},\"data_offsets\":[1,3],\"dtype\":\"F4\",\"shape\":[4]},"
      "\"a\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1],\"other\":true}}",
  };
  const size_t tensors[] = {0, 0, 0, 2, 2}, data[] = {0, 0, 0, 1, 3};
  for (size_t i = 0; i < headers.size(); i++) {
    INFO(headers[i]);
    const TempFolder folder;
    folder.write("config.json", "{}");
    const auto file = folder.write("weights.safetensors", safetensors(headers[i], data[i]));
    const Checkpoint checkpoint = open_checkpoint(file);
    CHECK(checkpoint.tensors.size() == tensors[i]);
    CHECK(checkpoint.format == "safetensors");
  }
}

TEST_CASE("indexes and shards") {
  const std::string a = safetensors("{" + good + "}", 4),
                    b = safetensors("{" + entry("b", "F32", "[1]", "[0,4]") + "}", 4);
  const auto index = [](const std::string& map) {
    return "{\"metadata\":{\"total_size\":8,\"more\":[1,{\"x\":null}]},\"weight_map\":" + map + "}";
  };
  const std::string name = "model.safetensors.index.json", both = index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  const auto shards = [&](const std::string& label, const std::string& text, Files files, const std::string& expected) {
    files[name] = text;
    return Case{label, files, expected};
  };
  check({
      shards("good", both, {{"1.safetensors", a}, {"2.safetensors", b}}, "no error"),
      shards("one file beside its index", index(R"({"a":"model.safetensors"})"), {{"model.safetensors", a}},
             "no error"),
      shards("a shard is missing", both, {{"1.safetensors", a}},
             name + ": a shard is missing (where: 2.safetensors; expected 2 files beside the index, found 1)"),
      shards("all shards are missing", both, {},
             name + ": shards are missing (where: 1.safetensors; expected 2 files beside the index, found 0)"),
      shards(
          "a shard is broken", both, {{"1.safetensors", a}, {"2.safetensors", b + "x"}},
          "2.safetensors: the file is longer than its tensors (where: end of the tensors; expected 4 bytes after the "
          "header, found 5)"),
      shards("a tensor is in two shards", both, {{"1.safetensors", a}, {"2.safetensors", a}},
             "2.safetensors: tensor is in two files (where: a; expected one file, found 1.safetensors has it too)"),
      shards("a tensor is in no shard", index(R"({"a":"1.safetensors","c":"1.safetensors"})"), {{"1.safetensors", a}},
             name + ": tensor is not where the index says (where: c; expected 1.safetensors, found in no shard)"),
      shards("a tensor is in another shard", index(R"({"b":"1.safetensors","a":"2.safetensors"})"),
             {{"1.safetensors", a}, {"2.safetensors", b}},
             name + ": tensor is not where the index says (where: a; expected 2.safetensors, found 1.safetensors)"),
      shards("a tensor is mentioned twice", index(R"({"a":"1.safetensors","a":"1.safetensors"})"), {},
             name + ": tensor occurs twice (where: weight_map.a)"),
      shards("two maps", R"({"weight_map":{},"weight_map":{}})", {}, name + ": key occurs twice (where: weight_map)"),
      shards("no map", "{\"metadata\":{}}", {}, name + ": key is missing (expected weight_map)"),
      shards("a map of numbers", index(R"({"a":1})"), {},
             name + ": unexpected value (where: weight_map.a; expected a file name, found 1)"),
      shards("a map that is a list", index(R"(["a"])"), {},
             name + ": unexpected value (where: weight_map; expected an object, found an array)"),
      shards("a list", "[]", {}, name + ": unexpected value (expected an object, found an array)"),
      shards(
          "a file elsewhere", index(R"({"a":"../1.safetensors"})"), {},
          name + ": not a file of this folder (where: weight_map.a; expected a file name, found \"../1.safetensors\")"),
      shards(
          "an absolute path", index(R"({"a":"/1.safetensors"})"), {},
          name + ": not a file of this folder (where: weight_map.a; expected a file name, found \"/1.safetensors\")"),
      shards("an index and another file", both, {{"1.safetensors", a}, {"2.safetensors", b}, {"model.safetensors", a}},
             ": two sets of weights (expected one, found model.safetensors and an index that does not name it)"),
  });
}

TEST_CASE("folders and paths") {
  const std::string a = safetensors("{" + good + "}", 4);
  const std::string wanted =
      "model.safetensors, model.safetensors.index.json with its shards, pytorch_model.bin or its index, or model.json";
  check({
      {"nothing but a config", {}, ": no weights (expected " + wanted + ")"},
      {"pickled weights",
       {{"pytorch_model.bin", "x"}},
       "pytorch_model.bin: not a file of torch.save (expected a zip file or a pickle)"},
      {"another name",
       {{"weights.safetensors", a}},
       ": no weights (expected " + wanted + ", found weights.safetensors)"},
      {"a shard without an index",
       {{"model-00001-of-00002.safetensors", a}},
       ": no weights (expected " + wanted + ", found model-00001-of-00002.safetensors)"},
      {"one shard by its path",
       {{"model-00001-of-00002.safetensors", a}, {"model.safetensors.index.json", "{}"}},
       "model-00001-of-00002.safetensors: one shard of a model (expected the whole model)",
       "model-00001-of-00002.safetensors"},
      {"JSON and safetensors",
       {{"model.json", "{}"}, {"model.safetensors", a}},
       ": two sets of weights (expected one, found model.json and model.safetensors)"},
      {"no such path", {}, "none: no such file or folder", "none"},
      {"not a model file",
       {{"notes.txt", ""}},
       "notes.txt: unknown kind of model file (expected a folder, or a .safetensors, .gguf, .bin or .json file)",
       "notes.txt"},
      {"no config",
       {{"sub/model.safetensors", a}},
       "sub: config.json is missing (expected a model's folder: config.json and " + wanted + ")",
       "sub"},
      {"no config beside a file",
       {{"sub/model.safetensors", a}},
       "sub/config.json: config.json is missing (expected a model's folder: config.json and " + wanted + ")",
       "sub/model.safetensors"},
      {"the config is a list", {{"config.json", "[]"}}, "config.json: not a JSON object (expected {...}, found array)"},
      {"the config is broken",
       {{"config.json", "{"}},
       "config.json: not valid JSON (where: byte 2; found parse error at line 1, column "
       "2: syntax error while parsing object key - unexpected end of input; expected string literal)"},
      {"the generation config is a text",
       {{"generation_config.json", "\"x\""}},
       "generation_config.json: not a JSON object (expected {...}, found string)"},
      {"a file by its path", {{"any.safetensors", a}}, "no error", "any.safetensors"},
      {"the config by its path", {{"model.safetensors", a}}, "no error", "config.json"},
  });
}

TEST_CASE("weights in plain JSON") {
  const auto json = [](const std::string& label, const std::string& text, const std::string& expected) {
    return Case{label, {{"model.json", text}}, expected == "no error" ? expected : "model.json: " + expected};
  };
  check({
      json("good", R"({"w":[[1,2.5],[-3e-2,4]],"n":[0],"scalar":7,"none":[[],[]]})", "no error"),
      json("ragged rows", R"({"l.0.weight":[[[1,2]],[[3]]]})",
           "ragged array (where: l.0.weight[1][0]; expected 2 elements, as before, found 1)"),
      json("a number among rows", R"({"w":[[1],2]})",
           "ragged array (where: w[1]; expected an array, as before, found a number)"),
      json("a row among numbers", R"({"w":[1,[2]]})",
           "ragged array (where: w[1]; expected a number, as before, found an array)"),
      json("a number after empty rows", R"({"w":[[],2]})",
           "ragged array (where: w[1]; expected an array, as before, found a number)"),
      json("an empty row", R"({"w":[[1],[]]})", "ragged array (where: w[1]; expected 1 elements, as before, found 0)"),
      json("deeper after empty rows", R"({"w":[[],[[1]]]})",
           "ragged array (where: w[1]; expected 0 elements, as before, found 1)"),
      json("a text", R"({"w":[[1,2],[3,"4"]]})",
           "unexpected value (where: w[1][1]; expected a number or an array of numbers, found \"4\")"),
      json("null", R"({"w":[null]})",
           "unexpected value (where: w[0]; expected a number or an array of numbers, found null)"),
      json("true", R"({"w":[1,true]})",
           "unexpected value (where: w[1]; expected a number or an array of numbers, found true)"),
      json("an object", R"({"w":[{}]})",
           "unexpected value (where: w[0]; expected a number or an array of numbers, found an object)"),
      json("beyond a float", R"({"w":[0,1e39]})",
           "number is out of range (where: w[1]; expected what a float holds, at most 3.4028235e38, found 1e39)"),
      json("beyond a double", R"({"w":[[0],[-1e999]]})",
           "number is out of range (where: w[1][0]; expected what a double holds, found -1e999)"),
      json("a name twice", R"({"w":[1],"w":[1]})", "tensor occurs twice (where: w)"),
      json("a list", "[1]", "unexpected value (expected an object of arrays, found an array)"),
      json("nine dimensions", R"({"w":[[[[[[[[[1]]]]]]]]]})",
           "too many dimensions (where: w[0][0][0][0][0][0][0][0]; expected at most 8, found one more)"),
      json("cut off", R"({"w":[1,)",
           "not valid JSON (where: byte 9; found parse error at line 1, column 9: syntax "
           "error while parsing value - unexpected end of input; expected '[', '{', or a literal)"),
      json("Python's NaN", R"({"w":[NaN]})",
           "not valid JSON (where: byte 7; found parse error at line 1, column 7: syntax "
           "error while parsing value - invalid literal; last read: '\"w\":[N')"),
  });
}

TEST_CASE("errors of folders say what helps") {
  const std::string a = safetensors("{" + good + "}", 4);
  const auto hint = [](const TempFolder& folder, const std::string& open) -> std::string {
    try {
      open_checkpoint(folder.path() / open).at("layers.0.weihgt");
    } catch (const Error& error) {
      return folder.relative(error.parts().hint);
    }
    return "no error";
  };
  const auto check = [&](const Files& files, const std::string& open, const std::string& expected) {
    const TempFolder folder;
    for (const auto& [name, content] : files) folder.write("m/" + name, content);
    INFO(expected);
    CHECK(hint(folder, "m" + open) == expected);
  };
  const Files config = {{"config.json", "{}"}};
  const auto with = [&](const std::string& name, const std::string& content) {
    Files files = config;
    files[name] = content;
    return files;
  };
  check({{"a.gguf", ""}}, "", "name the file itself: m/a.gguf");
  check(with("a.gguf", ""), "", "name the file itself: m/a.gguf");
  check(with("a.safetensors", a), "", "name the file itself: m/a.safetensors");
  check(with("model.onnx", ""), "", "weights of another program; most models are published as safetensors too");
  check(with("weights.bin", ""), "", "name the file itself: m/weights.bin");
  check(with("pytorch_model.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "",
        "the file is a Git LFS pointer: fetch what it stands for with git lfs pull");
  check(with("model-00001-of-00002.safetensors", a), "",
        "a shard without the index: model.safetensors.index.json is missing");
  check(with("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "",
        "the file is a Git LFS pointer: fetch what it stands for with git lfs pull");
  check(with("model.json", R"({"layers.0.weight":[1],"other":[1]})"), "", "did you mean layers.0.weight?");
  check(with("weights.json", R"({"layers.0.weight":[1]})"), "/weights.json", "did you mean layers.0.weight?");
}
