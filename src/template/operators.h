// Python's operators on template values. Errors are Python's.
#pragma once

#include <span>
#include <string_view>

#include "template/value.h"

namespace foretell::jinja {

bool equal(const Value& a, const Value& b);
// -1, 0 or 1. Throws TypeError where Python has no order; `op` is named in the message.
int compare(const Value& a, const Value& b, std::string_view op);
bool contains(const Value& container, const Value& item);
Value arithmetic(std::string_view op, const Value& a, const Value& b, Budget& budget);
Value negate(const Value& value, std::string_view op);
Value subscript(const Value& container, const Value& key);
// [start:stop:step]; None for what is left out.
Value slice(const Value& container, const Value& start, const Value& stop, const Value& step, Budget& budget);

// The items of what can be iterated over; throws TypeError for the rest.
std::vector<Value> iterate(const Value& value, Budget& budget);
int64_t length(const Value& value);
// Throws the UndefinedError of an undefined value.
[[noreturn]] void fail_undefined(const Value& value);
void require_defined(const Value& value);

// Code points.
int64_t count_points(std::string_view text);
std::vector<size_t> point_offsets(std::string_view text);  // of each, and the end
// Integers by code: `what` for the error.
int64_t as_index(const Value& value);

}  // namespace foretell::jinja
