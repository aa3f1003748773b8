// Weights that the products of a panel will come to. The including unit has included float_products.h.
#pragma once

#include <immintrin.h>

#include "kernels/table.h"

namespace {

// Asks for the group that lies 4 KiB ahead: one row takes half of the time that the memory does, and several rows as
// long, so that neither should wait for the other.
template <Format F>
inline void fetch_ahead(const unsigned char* group) {
  for (int line = 0; line < code_bits(F) + 1; line++)
    _mm_prefetch(reinterpret_cast<const char*>(group) + 4096 + 64 * line, _MM_HINT_T0);
}

}  // namespace
