// The passes over all logits that sampling consists of: the exponentials of a softmax and their sum, in double and in a
// fixed order, and the largest logit. The same bits on every machine, in vectors of what it has.
#pragma once

#include <cstddef>
#include <span>

namespace foretell {

// values[i] = exp(logits[i] - best), 0 below exp(-708), where the result would no longer be a normal number; gives the
// sum, taken in four interleaved lanes. No logit is above `best`. Relative error below 4e-16.
double exponentials(std::span<const float> logits, double best, double* values);

// -infinity for none; NaN does not count.
float largest(std::span<const float> values);
float largest_magnitude(std::span<const float> values);  // of |value|; 0 for none

// Copies, and says whether all are finite.
bool copy_finite(const float* from, size_t count, float* to);

void divide(std::span<float> values, float divisor);

}  // namespace foretell
