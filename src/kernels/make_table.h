// Fills a unit's table; included last. The unit defines int8_product<Format, Scale>, integer_product, key_product and
// to_query.
#pragma once

namespace {

template <Format F, Scale S>
constexpr void add_product(Table& t) {
  constexpr auto f = static_cast<int>(F), s = static_cast<int>(S);
  t.float_product[f][s] = float_product<F, S>;
  if constexpr (is_affine(F)) t.int8_product[f][s] = int8_product<F, S>;
}

template <Format F>
constexpr void add_quantize(Table& t) {
  t.quantize4[static_cast<int>(F)] = quantize_panel<F, Format::Affine4>;
  t.quantize8[static_cast<int>(F)] = quantize_panel<F, Format::Affine8>;
}

constexpr Table make_table(const char* name) {
  Table t{};
  t.name = name;
  t.tile_rows = most_tile_rows;
  t.float_tile_rows = most_float_rows;
  add_product<Format::Float32, Scale::Float16>(t);
  add_product<Format::Float16, Scale::Float16>(t);
  add_product<Format::BFloat16, Scale::Float16>(t);
  add_product<Format::Affine4, Scale::Float16>(t);
  add_product<Format::Affine4, Scale::BFloat16>(t);
  add_product<Format::Affine4, Scale::Float32>(t);
  add_product<Format::Affine8, Scale::Float16>(t);
  add_product<Format::Affine8, Scale::BFloat16>(t);
  add_product<Format::Affine8, Scale::Float32>(t);
  t.float_tile = float_tile;
  t.int8_tile = int8_tile;
  t.int8_pair_tile = int8_pair_tile;
  t.rms_norm = rms_norm;
  t.layer_norm = layer_norm;
  t.activate = activate;
  t.matrix_product[static_cast<int>(Format::Float32)] = matrix_product<Format::Float32>;
  t.matrix_product[static_cast<int>(Format::Float16)] = matrix_product<Format::Float16>;
  t.integer_product = integer_product;
  t.key_product = key_product;
  t.query_bytes = query_bytes;
  t.to_query = to_query;
  t.softmax = softmax;
  t.integer_softmax = integer_softmax;
  t.to_int8 = to_int8;
  t.to_f16 = to_f16;
  t.mix = mix;
  t.merge = merge;
  add_quantize<Format::Float32>(t);
  add_quantize<Format::Float16>(t);
  add_quantize<Format::BFloat16>(t);
  return t;
}

}  // namespace
