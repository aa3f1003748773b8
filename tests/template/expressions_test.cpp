// Small expressions, against what jinja2 3.1.6 prints of them or the error that it raises.
#include <catch2/catch.hpp>

#include "foretell/error.h"
#include "template/chat_template.h"

using namespace foretell;

namespace {

std::string rendered(const std::string& source) {
  try {
    return joined(ChatTemplate(source, "expression").render({}));
  } catch (const Error& error) {
    return error.parts().what;
  }
}

struct Expression {
  std::string source, result;
};

}  // namespace

TEST_CASE("chat templates: expressions are what jinja2 makes of them") {
  const std::vector<Expression> all = {
      // subscripts and slices
      {"{{ [5, 6, 7][::2] }} {{ 'abc'[:1:] }} {{ {(1, 2): 'yes'}[1, 2] }} {{ [1][[0, 0][1:][0]] }}", "[5, 7] a yes 1"},
      {"{{ [1][] }}{{ 'abc'[] }}", ""},
      // the rest of a division, also of floats
      {"{{ 1.5 is odd }} {{ 3.0 is odd }} {{ 2.0 is even }} {{ -3 is odd }} {{ -3.0 is odd }} {{ true is odd }}",
       "False True True True True True"},
      {"{{ 7.5 is divisibleby 2.5 }} {{ 6 is divisibleby 1.5 }} {{ '%s' is odd }}", "True True False"},
      {"{{ 6 is divisibleby 0 }}", "ZeroDivisionError: integer modulo by zero"},
      {"{{ 6 // 0 }}", "ZeroDivisionError: integer division or modulo by zero"},
      {"{{ 0 ** -1 }}", "ZeroDivisionError: 0.0 cannot be raised to a negative power"},
      {"{{ nothing is odd }}", "UndefinedError: 'nothing' is undefined"},
      // what is not there
      {"{{ nothing | indent }}", "UndefinedError: 'nothing' is undefined"},
      {"{{ nothing is callable }} {{ range is callable }} {{ 1 is callable }}", "True True False"},
      // an order is asked for only where two keys differ
      {"{{ [3, 1, 2] | sort(attribute='a') }}", "[3, 1, 2]"},
      {"{{ [{'b': 2}, {'b': 1}] | sort(attribute='a,b') }}", "[{'b': 1}, {'b': 2}]"},
      {"{{ [{'a': 2}, {'b': 1}] | sort(attribute='a') }}", "UndefinedError: 'dict object' has no attribute 'a'"},
      {"{{ [none, none] | sort }} {{ [{'a': 1}, {'a': 1}] | sort }}", "[None, None] [{'a': 1}, {'a': 1}]"},
      {"{{ [{'a': 1}, {'a': 2}] | sort }}", "TypeError: '<' not supported between instances of 'dict' and 'dict'"},
      // blanks in an address, and in what it asks
      {"{{ 'a b/c' | urlencode }} {{ {'a b': 'c d', 'e': 'f/g'} | urlencode }} {{ [['a b', 'c&']] | urlencode }}",
       "a%20b/c a+b=c+d&e=f%2Fg a+b=c%26"},
      // what can be read once only is read into a list
      {"{{ [1, 2, 3] | map('string') | reverse }} {{ [1, 2] | reverse | reverse }}", "['3', '2', '1'] [1, 2]"},
      {"{{ {'a': 1, 'b': 2} | reverse | list }} {{ range(3) | reverse | list }}", "['b', 'a'] [2, 1, 0]"},
  };
  for (const Expression& one : all) {
    INFO(one.source);
    CHECK(rendered(one.source) == one.result);
  }
}
