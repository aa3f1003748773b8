// What the fuzz targets of grammars share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "constrain/grammar.h"
#include "constrain/recognizer.h"
#include "foretell/error.h"

namespace foretell::test {

// Where there is a grammar its shortest text is one of its texts.
template <class Make>
void try_grammar(const uint8_t* data, size_t size, Make&& make) {
  try {
    const Grammar grammar = make(std::string_view(reinterpret_cast<const char*>(data), size));
    constrain::Recognizer recognizer(grammar.parts().automaton);
    constexpr uint32_t longest = 10'000;
    if (recognizer.cost(recognizer.start()) > longest) return;
    const auto end = recognizer.next(recognizer.start(), recognizer.shortest(recognizer.start()));
    if (end == constrain::Recognizer::dead || !recognizer.accepts(end)) std::abort();
  } catch (const Error&) {
  }
}

}  // namespace foretell::test
