#include "foretell/error.h"

#include <catch2/catch.hpp>

using foretell::Error;

TEST_CASE("an error is one line that names file, place, expected and found") {
  const Error error({.what = "tensor has another shape",
                     .file = "m.safetensors",
                     .where = "wte.weight",
                     .expected = "[2, 3]",
                     .found = "[3]"});
  CHECK(std::string(error.what()) ==
        "m.safetensors: tensor has another shape (where: wte.weight; expected [2, 3], found [3])");
  CHECK(std::string(Error({.what = "a\nb\x1b[31m"}).what()) == "a\\x0ab\\x1b[31m");
}

TEST_CASE("a layer above adds what it knows and overwrites nothing") {
  const Error error =
      Error({.what = "bad", .where = "key"}).with({.what = "worse", .file = "config.json", .where = "elsewhere"});
  CHECK(std::string(error.what()) == "config.json: bad (where: key)");
}
