// A unit's two panels, for any number of rows. The including unit defines panel_int8 and most_tile_rows.
#pragma once

namespace {

template <Format F, Scale S, int R>
inline void unit_int8(const void* unit, int64_t cols, const void* tile, float* out) {
  const auto* panel = static_cast<const unsigned char*>(unit);
  const auto* x = static_cast<const unsigned char*>(tile);
  const int64_t groups = cols / group_size;
  for (int p = 0; p < 2; p++)
    panel_int8<F, S, R>(panel + p * groups * panel_group_bytes(F, S), groups, x, out + p * panel_rows);
}

template <Format F, Scale S, int R = most_tile_rows>
void int8_product(const void* unit, int64_t cols, const void* tile, int rows, float* out) {
  if (rows == R) return unit_int8<F, S, R>(unit, cols, tile, out);
  if constexpr (R > 1) int8_product<F, S, R - 1>(unit, cols, tile, rows, out);
}

}  // namespace
