// `inspect`: the lesson's table, exact counts, tensors and memory.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/run.h"
#include "cli/tiny_model.h"

using namespace foretell::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

json inspect(const std::string& model, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"inspect", "--json", model});
  const Outcome outcome = run(more);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return json::parse(outcome.out);
}

json row(const json& seen, const std::string& name) {
  for (const json& r : seen["ledger"]) {
    if (r["name"] == name) return r;
  }
  return {};
}

const fs::path golden = fs::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

}  // namespace

TEST_CASE("inspect counts what the reference counts") {
  for (const char* name : {"gpt2", "llama", "llama3_rope", "mistral", "qwen2", "qwen3", "gemma"}) {
    INFO(name);
    const json reference = json::parse(read_file(golden / name / "golden.json"));
    const json seen = inspect((golden / name).string(), {"--ledger", "exact", "--tensors"});
    CHECK(seen["parameters"] == reference["parameters"]);
    CHECK(seen["ledger_total"] == reference["parameters"]);
    int64_t sum = 0, stored = 0;
    for (const json& r : seen["ledger"]) sum += r["total"].get<int64_t>();
    CHECK(sum == reference["parameters"]);
    // What lies in the file is what config.json alone promises.
    for (const json& tensor : seen["tensors"]) {
      int64_t elements = 1;
      for (const json& n : tensor["shape"]) elements *= n.get<int64_t>();
      stored += elements;
    }
    CHECK(stored == reference["parameters"]);
    const TempFolder alone;
    fs::copy(golden / name / "config.json", alone.path() / "config.json");
    const json described = inspect(alone.path().string(), {"--tensors"});
    CHECK(described["parameters"] == reference["parameters"]);
    CHECK(described["tensors"].size() == seen["tensors"].size());
    CHECK(described["memory"]["weights_bytes"] == seen["memory"]["weights_bytes"]);
  }
}

TEST_CASE("inspect prints the lesson's table of GPT-3 from its config alone") {
  const Outcome outcome = run({"inspect", "gpt3"});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  for (const char* number : {"617,558,016", "14,495,514,624", "57,982,058,496", "27,938", "175,181,291,520",
                             "174,604,259,328", "9,216", "128 × 12,288"})
    CHECK(contains(outcome.out, number));
  const json seen = inspect("gpt3");
  CHECK(seen["architecture"] == "gpt2");
  CHECK(seen["ledger_total"] == 175'181'291'520);
  CHECK(seen["matrices"] == 27'938);
  CHECK(seen["parameters"] == 174'604'259'328);
  CHECK(seen["ledger"].size() == 8);
  CHECK(row(seen, "Query") ==
        json({{"name", "Query"}, {"rows", 128}, {"cols", 12288}, {"count", 9216}, {"total", 14'495'514'624}}));
  CHECK_FALSE(seen.contains("tensors"));
  CHECK(inspect("gpt3", {"--ledger", "exact"})["ledger"].size() == 13);
}

TEST_CASE("inspect lists tensors and memory as stored") {
  const TempFolder folder;
  write_tiny_model(folder);
  const json seen = inspect(folder.path().string(), {"--tensors"});
  CHECK(seen["tied_embeddings"] == true);
  CHECK(seen["tensors"].size() == tiny_tensors().size());
  CHECK(seen["tensors"][0]["name"] == "model.embed_tokens.weight");
  CHECK(seen["tensors"][0]["dtype"] == "F32");
  CHECK(seen["tensors"][0]["shape"] == json({8, 8}));
  const int64_t numbers = 64 + 8 + 64 + 32 + 32 + 64 + 8 + 32 + 32 + 32 + 8;
  CHECK(seen["parameters"] == numbers);
  CHECK(seen["memory"]["weights_bytes"] == 4 * numbers);
  CHECK(seen["memory"]["kv_bytes_per_token"].get<int64_t>() >= 4 * (4 + 4));
  // The model may be named by -m, by the file and by config.json too.
  CHECK(run({"inspect", "-m", folder.path().string()}).code == 0);
  CHECK(run({"inspect", (folder.path() / "model.safetensors").string()}).code == 0);
  CHECK(run({"inspect", (folder.path() / "config.json").string()}).code == 0);
  CHECK(run({"inspect", folder.path().string(), "-m", folder.path().string()}).code == 2);
}

TEST_CASE("inspect says how the weights are stored, and what is not used so") {
  const std::string file = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/gguf/mixed.gguf";
  const auto rounded = [](const json& seen) {
    std::vector<std::string> names;
    for (const json& type : seen["types"])
      if (type["rounded"]) names.push_back(type["dtype"]);
    return names;
  };
  const json seen = inspect(file);
  CHECK(seen["types"][0] == json({{"dtype", "Q4_K"}, {"tensors", 1}, {"bytes", 36864}, {"rounded", false}}));
  CHECK(seen["types"].size() == 9);
  CHECK(rounded(seen) == std::vector<std::string>{"Q6_K", "Q2_K", "IQ2_XS"});
  CHECK(rounded(inspect(file, {"--precision", "exact"})).empty());
  const std::string text = run({"inspect", file}).out;
  CHECK(contains(text, "1 Q4_K, 1 Q3_K"));
  CHECK(contains(text, "matrices in Q6_K, Q2_K, IQ2_XS are rounded to 8 bits in groups of 32"));
  CHECK(contains(run({"next", "-m", file, "-v", "-p", "a"}).err, "1 matrix in Q6_K rounded to 8 bits"));
}

TEST_CASE("inspect refuses what is out of range") {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{{"--ledger", "both"},
                                                                                     {"-c", "0"},
                                                                                     {"-c", "-1"},
                                                                                     {"-c", "1e400"},
                                                                                     {"-c", "10x"},
                                                                                     {"-c", ""},
                                                                                     {"-c", "nan"},
                                                                                     {"-c", "99999999999999999999"},
                                                                                     {"-c", "3000"},
                                                                                     {"--precision", "double"},
                                                                                     {"--tensors=perhaps"}}) {
    INFO(wrong.back());
    std::vector<std::string> arguments = {"inspect", "gpt3"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    const Outcome outcome = run(arguments);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.errors().size() == 1);
  }
  CHECK(contains(run({"inspect", "gpt3", "-c", "0"}).err, "expected a whole number of at least 1"));
}

TEST_CASE("a config of absurd size is an error, not a crash") {
  const TempFolder folder;
  auto config = tiny_config();
  config["hidden_size"] = int64_t{1} << 62;
  folder.write("config.json", config.dump());
  CHECK(run({"inspect", folder.path().string()}).code == 1);
}

TEST_CASE("the default model is found from anywhere") {
  const Outcome outcome = run({.arguments = {"inspect"}, .no_input = true, .directory = "/"});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.out, "134,515,008"));  // the model's card
  // As it is installed: bin/ beside share/.
  const TempFolder prefix;
  fs::create_directories(prefix.path() / "share/foretell");
  fs::create_directories(prefix.path() / "bin");
  fs::create_directory_symlink(fs::path(FORETELL_SOURCE_DIR) / "models", prefix.path() / "share/foretell/models");
  fs::copy_file(FORETELL_BINARY, prefix.path() / "bin/foretell");
  const Outcome installed =
      run({.arguments = {"inspect"}, .no_input = true, .directory = "/", .program = prefix.path() / "bin/foretell"});
  INFO(installed.err);
  CHECK(installed.code == 0);
  CHECK(contains(installed.out, (prefix.path() / "bin").parent_path().string()));
}

TEST_CASE("inspect shows tensors as a tree with what their numbers are like") {
  const Outcome toy = run({"inspect", "toy", "--tensors"});
  CHECK_THAT(toy.out,
             Catch::Contains("├ embed_tokens.weight               F32  4×2   -2.000 1.000  0.000 1.118 12.5%") &&
                 Catch::Contains("│ │ └ up_proj.weight ") && Catch::Contains("model  42\n"));
  json query;
  const json seen = inspect("toy", {"--tensors"});
  for (const json& tensor : seen["tensors"])
    if (tensor["name"] == "model.layers.0.self_attn.q_proj.weight") query = tensor;
  CHECK(query["min"] == -1);
  CHECK(query["max"] == 1);
  CHECK(query["mean"] == 0);
  CHECK(query["std"].get<double>() == Approx(std::sqrt(0.5)));
  CHECK(query["zeros"] == 0.5);
  // Codes stand for what they are multiplied out to; the scales and biases are no tensors of their own to a person.
  const Outcome quantized = run({"inspect", "--tensors"});
  CHECK_THAT(quantized.out, Catch::Contains("4-bit/32 192×576"));
  CHECK(quantized.out.find("scales") == std::string::npos);
  CHECK_THAT(run({"inspect", "gpt3", "--tensors"}).out, Catch::Contains("ln_f"));
}

TEST_CASE("inspect says what a model costs") {
  const json seen = inspect("smollm2-135m-instruct", {"-c", "100"});
  // Two operations for each weight of the matrices, and for each number of the keys and values attended to.
  CHECK(seen["operations"]["per_token"] == 2.0 * (134'515'008 - 35'136));
  CHECK(seen["operations"]["attention_at_context"] == 2.0 * 30 * 9 * (64 + 64) * 100);
  CHECK(seen["memory"]["context"] == 100);
  CHECK(seen["memory"]["kv_bytes"] == 100 * seen["memory"]["kv_bytes_per_token"].get<int64_t>());
  CHECK(inspect("smollm2-135m-instruct", {"-c", "9223372036854775807"})["memory"]["kv_bytes"] > 1e22);
  CHECK(seen["memory"]["precisions"].size() == 5);
  CHECK(seen["memory"]["precisions"][1]["weights_bytes"] == 4 * 134'515'008);
  CHECK(seen["machine"]["memory_bytes"] > 0);
  CHECK(seen["machine"]["read_bandwidth_bytes_per_s"] > 0);
  CHECK_FALSE(inspect("gpt3")["memory"]["precisions"][0]["weights_bytes"] == 0);
  // Of experts only those chosen are gone through, and an embedding that is not the unembedding is looked up only.
  const json experts = inspect((golden / "mixtral").string());
  CHECK(experts["operations"]["active_parameters"] < 0.9 * experts["parameters"].get<double>());
}

TEST_CASE("inspect counts the two numbers of a straight line") {
  const json seen = inspect("linear-regression");
  CHECK(seen["parameters"] == 2);
  CHECK(seen["ledger_total"] == 2);
  CHECK(seen["ledger"].size() == 2);
  // The least squares of the points on its page.
  const std::vector<double> x = {1000, 1500, 2000, 2500, 3000}, y = {200000, 270000, 340000, 430000, 490000};
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (size_t i = 0; i < x.size(); i++) sx += x[i], sy += y[i], sxx += x[i] * x[i], sxy += x[i] * y[i];
  const double n = static_cast<double>(x.size()), slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
  CHECK(seen["slope"].get<double>() == Approx(slope));
  CHECK(seen["intercept"].get<double>() == Approx((sy - slope * sx) / n));
  CHECK_THAT(run({"inspect", "linear-regression"}).out, Catch::Contains("x = 1800 gives y = 316400"));
  CHECK(run({"next", "-m", "linear-regression", "-p", "x"}).code == 1);
}

TEST_CASE("inspect compares two models") {
  const TempFolder a, b;
  write_tiny_model(a);
  auto config = tiny_config();
  config["rope_theta"] = 5000;
  b.write("config.json", config.dump());
  b.write("model.safetensors", safetensors(tiny_tensors(), 0.25f));
  const json seen = inspect(a.path(), {"--diff", b.path()});
  CHECK(seen["config"] == json::array({{{"key", "rope_theta"}, {"there", 5000}}}));
  CHECK(seen["distance"] == 1.0);
  CHECK(seen["tensors"].size() == tiny_tensors().size());
  CHECK(seen["tensors"][0]["largest"] == 0.125);
  CHECK(seen["tensors"][0]["cosine"].get<double>() == Approx(1));
  const Outcome text = run({"inspect", a.path(), "--diff", b.path()});
  CHECK_THAT(text.out, Catch::Contains("11 tensors in both, 0 of them the same") && Catch::Contains("100.00 %"));
  CHECK_THAT(run({"inspect", a.path(), "--diff", a.path()}).out,
             Catch::Contains("The configs are the same.") && Catch::Contains("11 of them the same"));
  CHECK_THAT(run({"inspect", "gpt3", "--diff", a.path()}).out, Catch::Contains("vocab_size"));
  CHECK_THAT(run({"inspect", "gpt3", "--diff", a.path()}).out,
             Catch::Contains("\"GPT-3") && Catch::Contains("…"));
  CHECK(run({"inspect", "gpt3", "--diff", "nothing-like-it"}).code == 2);
}

TEST_CASE("inspect --check finds what is there twice, and every model of the reference whole") {
  for (const auto& entry : fs::directory_iterator(golden)) {
    const Outcome outcome = run({"inspect", "--check", entry.path()});
    INFO(entry.path().string() << outcome.err);
    CHECK(outcome.code == 0);
  }
  for (const auto& entry : fs::directory_iterator(golden / "../gguf/families"))
    if (entry.path().extension() == ".gguf") CHECK(run({"inspect", "--check", entry.path()}).code == 0);
  CHECK(run({"inspect", "--check", golden / "../gguf/llama.gguf"}).code == 0);  // biases in the rotary order
  // A layer that is a copy of another one.
  const TempFolder folder;
  auto config = tiny_config();
  config["num_hidden_layers"] = 2;
  folder.write("config.json", config.dump());
  auto tensors = tiny_tensors();
  for (const auto& [name, shape] : tiny_tensors())
    if (const size_t at = name.find(".0."); at != std::string::npos)
      tensors[std::string(name).replace(at, 3, ".1.")] = shape;
  std::string file = safetensors(tensors);
  folder.write("model.safetensors", file);
  CHECK(run({"inspect", "--check", folder.path()}).code == 0);  // all numbers are one: nothing can be said
  // Each float of the file gets a value of its own row, the same in every tensor.
  const size_t header = 8 + static_cast<size_t>(static_cast<unsigned char>(file[0])) +
                        256 * static_cast<size_t>(static_cast<unsigned char>(file[1]));
  for (size_t at = header, i = 0; at + 4 <= file.size(); at += 4, i++) {
    const float value = static_cast<float>(i % 16);
    std::memcpy(file.data() + at, &value, sizeof value);
  }
  folder.write("model.safetensors", file);
  const Outcome twice = run({"inspect", "--check", folder.path()});
  CHECK(twice.code == 1);
  CHECK(twice.errors().size() == 1);
  CHECK_THAT(twice.err, Catch::Contains("two matrices have the same numbers"));
}
