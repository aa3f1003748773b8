// The vectors of tokens, of every family and format.
#include "model/token_vectors.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "arch/open_model.h"
#include "error_of.h"

using namespace foretell;
using Space = TokenVectors::Space;
namespace fs = std::filesystem;

namespace {

const fs::path golden = fs::path(FORETELL_SOURCE_DIR) / "tests/golden";

std::vector<double> doubles(const std::vector<float>& v) { return {v.begin(), v.end()}; }

double cosine(const std::vector<double>& a, const std::vector<double>& b) { return dot(a, b) / length(a) / length(b); }

void check(const fs::path& path) {
  ThreadPool pool(2);
  for (const Space space : {Space::Embedding, Space::Unembedding}) {
    INFO(path.string() << " " << static_cast<int>(space));
    const TokenVectors vectors(path, space);
    const auto one = doubles(vectors.at(7));
    const auto cosines = vectors.cosines(one, pool);
    REQUIRE(std::ssize(cosines) == vectors.count());
    CHECK(cosines[7] == Approx(1));
    for (const TokenId id : {TokenId{0}, TokenId{8}, static_cast<TokenId>(vectors.count() - 1)}) {
      const auto other = doubles(vectors.at(id));
      const double expected = length(other) > 0 ? cosine(one, other) : 0;
      CHECK(cosines[static_cast<size_t>(id)] == Approx(expected).margin(1e-9));
    }
    const auto best = nearest(cosines, 3, [](TokenId id) { return id != 7; });
    REQUIRE(best.size() == 3);
    CHECK(best[0].cosine >= best[1].cosine);
    for (const Neighbour& n : best) CHECK(n.id != 7);
    const auto more = nearest(cosines, 1, [&](TokenId id) { return id != 7 && id != best[0].id; });
    CHECK(more[0].id == best[1].id);
  }
}

}  // namespace

TEST_CASE("tokens have vectors in every family and format") {
  for (const auto& entry : fs::directory_iterator(golden / "arch")) check(entry.path());
  for (const auto& entry : fs::directory_iterator(golden / "folders/models"))
    if (fs::exists(entry.path() / "config.json")) check(entry.path());
  for (const auto& entry : fs::directory_iterator(golden / "gguf/families"))
    if (entry.path().extension() == ".gguf") check(entry.path());
  check(golden / "gguf/mixed.gguf");
}

TEST_CASE("a token's vector is its row of the embedding") {
  const Checkpoint llama = open_model(golden / "arch/llama");
  const TokenVectors vectors(golden / "arch/llama", Space::Embedding);
  const TensorView& embedding = llama.at("model.embed_tokens.weight");
  std::vector<float> row(static_cast<size_t>(vectors.size()));
  read_floats(embedding, 9 * vectors.size(), 10 * vectors.size(), row.data());
  CHECK(vectors.at(9) == row);
}

TEST_CASE("a token that is none has no vector") {
  const TokenVectors vectors(golden / "arch/llama", Space::Embedding);
  for (const TokenId id : {TokenId{-1}, static_cast<TokenId>(vectors.count())})
    CHECK_THAT(test::error_of([&] { vectors.at(id); }), Catch::Contains("a token has no vector"));
}

TEST_CASE("a vector of zeros is like no other") {
  ThreadPool pool(1);
  const TokenVectors vectors(golden / "arch/llama", Space::Embedding);
  const std::vector<double> zeros(static_cast<size_t>(vectors.size()));
  for (const double cosine : vectors.cosines(zeros, pool)) CHECK(cosine == 0);
}
