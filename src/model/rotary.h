// Rotary position embedding (Su et al., arXiv:2104.09864): how far each pair of dimensions turns.
#pragma once

#include <vector>

#include "arch/spec.h"

namespace foretell {

// The angle of each pair for one step of position, [dims / 2], as float32 (the reference keeps them so), with the
// scaling. Some scalings depend on the length of the whole sequence.
std::vector<float> rotary_frequencies(const Rotary& rotary, int64_t length);

// Sequences whose lengths give the same number have the same frequencies.
int64_t rotary_regime(const Rotary& rotary, int64_t length);

// What the cosines and sines are multiplied with (the attention factor of YaRN and LongRoPE), else 1.
float rotary_magnitude(const Rotary& rotary);

// The cosines and sines of one position, [frequencies.size()] each.
void rotary_angles(const std::vector<float>& frequencies, float magnitude, int64_t position, float* cosines,
                   float* sines);

// Turns the pairs of one head in place; cosines and sines are [pairs].
void turn(float* head, Rotary::Pairing pairing, const float* cosines, const float* sines, int64_t pairs);

}  // namespace foretell
