// Templates that want to take for ever, all memory, or what is none of theirs: each ends with an error, soon.
#include <catch2/catch.hpp>
#include <chrono>

#include "foretell/error.h"
#include "template/chat_template.h"

using namespace foretell;

namespace {

std::string outcome(const std::string& source) {
  try {
    const ChatTemplate chat(source, "hostile");
    ChatVariables variables;
    variables.conversation["messages"] = {{{"role", "user"}, {"content", "hi"}}};
    return "text: " + joined(chat.render(variables)).substr(0, 200);
  } catch (const Error& error) {
    return error.parts().what;
  }
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; i++) out += text;
  return out;
}

const std::string loop = "{% for i in range(100000) %}", end = "{% endfor %}";

struct Hostile {
  std::string source, error;  // the beginning of what it ends with
};

const std::vector<Hostile>& hostile() {
  static const std::vector<Hostile> all = {
      // subscripts that miss an expression
      {"{{ 1[, 2] }}", "TemplateSyntaxError: unexpected ','"},
      {"{{ 1[2, , 3] }}", "TemplateSyntaxError: unexpected ','"},
      {"{{ 1[2, ] }}", "TemplateSyntaxError: unexpected ']'"},
      {"{{ 1[2 3] }}", "TemplateSyntaxError: expected token ','"},
      {"{{ 1[2:3 4] }}", "TemplateSyntaxError: expected token ','"},
      {"{{ 1[2:3:4:5] }}", "TemplateSyntaxError: expected token ','"},
      {"{{ 1[:::] }}", "TemplateSyntaxError: unexpected ':'"},
      {"{{ 1[2:, ] }}", "TemplateSyntaxError: unexpected ']'"},
      // a slice beside other subscripts, which Python does not compile
      {"{{ 1[2, :] }}", "TemplateSyntaxError: a slice cannot be one of several subscripts"},
      {"{{ 1[:, 2] }}", "TemplateSyntaxError: a slice cannot be one of several subscripts"},
      {"{{ 1[2:3, 4:5] }}", "TemplateSyntaxError: a slice cannot be one of several subscripts"},
      // time
      {loop + loop + "x" + end + end, "LimitError"},
      {loop + "{% for j in range(100000) %}{% set a = i * j %}{% endfor %}" + end, "LimitError"},
      {"{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", "LimitError"},
      {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "LimitError"},
      {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "LimitError"},
      {"{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}" + repeated("{% call m() %}", 40) + "x" +
           repeated("{% endcall %}", 40),
       "LimitError"},
      {"{% set n = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}"
       "{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a == n.b }}",
       "LimitError"},
      {"{{ range(99999) | map('string') | list | sort | join | length }}" + loop + "{% set x = range(99999) | sort %}" +
           end,
       "LimitError"},
      {loop + "{% set x = range(1000) | unique | list %}" + end, "LimitError"},
      {loop + "{% set x = 'a' * 10000 %}{% set y = x.upper().lower().title() %}" + end, "LimitError"},
      // memory
      {"{{ 'x' * 999999999 }}", "LimitError"},
      {"{{ 999999999 * 'x' }}", "LimitError"},
      {"{{ ['x'] * 999999999 }}", "LimitError"},
      {"{{ ('x' * 1000000).join(range(100000) | map('string')) }}", "LimitError"},
      {"{% set n = namespace(s='x') %}" + loop + "{% set n.s = n.s + n.s %}" + end, "LimitError"},
      {"{% set n = namespace(s=[1]) %}" + loop + "{% set n.s = n.s + n.s %}" + end, "LimitError"},
      {"{% set n = namespace(s='x') %}" + loop + "{% set n.s = n.s ~ n.s %}" + end, "LimitError"},
      {loop + "{{ 'x' * 1000 }}" + end, "LimitError"},
      {"{{ 'x'.center(999999999999) }}", "LimitError"},
      {"{{ 'x'.ljust(9223372036854775807) }}", "LimitError"},
      {"{{ 'x'.zfill(999999999999) }}", "LimitError"},
      {"{{ '{:999999999999}'.format(1) }}", "ValueError"},
      {"{{ '%999999999999d' % 1 }}", "ValueError"},
      {"{{ '%0100000000000000d' % 1 }}", "ValueError"},
      {"{{ 'a\nb' | indent(999999999) }}", "LimitError"},
      {"{{ 'abc' | replace('', 'x' * 10000000) }}", "LimitError"},
      {"{{ [1] | batch(999999999999, 'x') | list }}", "LimitError"},
      {"{{ [1] | slice(999999999999) | list }}", "LimitError"},
      {"{{ range(999999999999) }}", "OverflowError: Range too big"},
      {"{{ range(0, -9223372036854775807, -1) | length }}", "OverflowError: Range too big"},
      {"{{ 9223372036854775807 + 1 }}", "OverflowError"},
      {"{{ 10 ** 1000000000 }}", "OverflowError"},
      {"{{ 99999999999999999999 }}", "OverflowError"},
      {"{% set n = namespace(a=[]) %}" + loop + "{% set n.a = [n.a] %}" + end + "{{ n.a }}", "LimitError"},
      {"{% set n = namespace(a={}) %}" + loop + "{% set n.a = {'a': n.a} %}" + end + "{{ n.a }}", "LimitError"},
      {"{% set n = namespace(a=1) %}" + loop + "{% set n.a = namespace(b=n.a) %}" + end, "LimitError"},
      {"{% set n = namespace() %}{% set n.n = n %}{{ n }}", "LimitError"},
      // depth while it is read
      {"{{ " + repeated("(", 100000) + "1" + repeated(")", 100000) + " }}", "LimitError"},
      {"{{ " + repeated("[", 100000) + repeated("]", 100000) + " }}", "LimitError"},
      {"{{ " + repeated("not ", 100000) + "1 }}", "LimitError"},
      {"{{ " + repeated("- ", 100000) + "1 }}", "LimitError"},
      {repeated("{% if 1 %}", 100000), "LimitError"},
      {"{{ 1" + repeated(" if 1 else 1", 100000) + " }}", "LimitError"},
      {"{{ 1" + repeated("|abs", 100000) + " }}", "LimitError"},
      {"{{ 1" + repeated(" if 1", 100000) + " }}", "LimitError"},
      {"{{ a" + repeated("()", 100000) + " }}", "LimitError"},
      {"{{ a" + repeated(".a", 100000) + " }}", "LimitError"},
      // what is none of its business
      {"{{ ''.__class__.__mro__ }}", "SecurityError: access to attribute '__class__' of 'str' object is unsafe."},
      {"{{ messages.append(1) }}", "SecurityError: access to attribute 'append' of 'list' object is unsafe."},
      {"{{ messages[0].update(a=1) }}", "SecurityError: access to attribute 'update' of 'dict' object is unsafe."},
      {"{{ '{0.__class__.x}'.format(1) }}", "SecurityError"},
      {"{{ range.__globals__.x }}", "SecurityError"},
      {"{% include '/etc/passwd' %}", "TypeError: no loader for this environment specified"},
      {"{% import 'os' as os %}", "TypeError: no loader for this environment specified"},
  };
  return all;
}

}  // namespace

TEST_CASE("chat templates: hostile ones end") {
  for (const Hostile& one : hostile()) {
    INFO(one.source.substr(0, 200));
    const auto start = std::chrono::steady_clock::now();
    const std::string result = outcome(one.source);
    CHECK(result.substr(0, one.error.size()) == one.error);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
  }
  CHECK(hostile().size() >= 40);
}
