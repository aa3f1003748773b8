// What a piece of work throws, as text.
#pragma once

#include <functional>
#include <string>

#include "foretell/error.h"

namespace foretell::test {

// Empty where nothing is thrown.
inline std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace foretell::test
