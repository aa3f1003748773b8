#include "constrain/json_schema.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_set>

#include "constrain/json_form.h"
#include "constrain/member_graph.h"
#include "constrain/regex_syntax.h"
#include "constrain/schema_shape.h"
#include "constrain/schema_values.h"
#include "constrain/string_formats.h"

namespace foretell::constrain {
namespace {

constexpr size_t most_rules = 200'000;
constexpr size_t most_patterns = 6;     // for names of properties; their combinations are multiplied out
constexpr uint32_t most_distinct = 64;  // names that the schema does not know, told apart

class SchemaCompiler {
 public:
  SchemaCompiler(std::string_view text, const std::string& source)
      : document_(text, source), shapes_(document_), values_(document_), form_(rules_) {}

  Rules compile() {
    Conjunction root;
    add_schema(root, document_.root());
    rules_.set_root(schema(root));
    while (!waiting_.empty()) {
      const auto [rule, schemas] = std::move(waiting_.front());
      waiting_.pop_front();
      std::vector<ExpressionId> ways;
      for (const Shape& shape : shapes_.shapes(schemas)) ways.push_back(shaped(shape, schemas));
      rules_.define(rule, rules_.choice(std::move(ways)));
    }
    return std::move(rules_);
  }

 private:
  // A rule for the values that all of the schemas allow; made when its turn comes.
  ExpressionId schema(const Conjunction& schemas) {
    if (schemas.empty()) return form_.value();
    std::vector<const OrderedJson*> key;
    for (const SchemaRef& s : schemas) key.push_back(s.schema);
    std::sort(key.begin(), key.end());
    const auto [known, added] = known_.try_emplace(std::move(key), 0);
    if (added) {
      if (known_.size() > most_rules)
        throw Error({.what = "the schema is too large",
                     .file = document_.source(),
                     .expected = "at most " + std::to_string(most_rules) + " rules"});
      known->second = rules_.add_rule(schemas[0].pointer);
      waiting_.emplace_back(known->second, schemas);
    }
    return rules_.rule(known->second);
  }

  ExpressionId shaped(const Shape& shape, const Conjunction& schemas) {
    if (shape.listed) return listed(shape, schemas);
    std::vector<ExpressionId> ways;
    if ((shape.kinds & Object) != 0) ways.push_back(object(shape));
    if ((shape.kinds & Array) != 0) ways.push_back(array(shape));
    if ((shape.kinds & String) != 0) ways.push_back(string(shape));
    if ((shape.kinds & Integer) != 0) ways.push_back(number(shape));
    if ((shape.kinds & Boolean) != 0) ways.push_back(form_.boolean());
    if ((shape.kinds & Null) != 0) ways.push_back(form_.null());
    return rules_.choice(std::move(ways));
  }

  ExpressionId listed(const Shape& shape, const Conjunction& schemas) {
    std::vector<ExpressionId> ways;
    for (const OrderedJson* value : shape.values) {
      if (std::all_of(schemas.begin(), schemas.end(), [&](const SchemaRef& s) { return values_.valid(*value, s); }))
        ways.push_back(form_.constant(*value));
    }
    return rules_.choice(std::move(ways));
  }

  ExpressionId number(const Shape& shape) {
    const bool fractions = (shape.kinds & Fraction) != 0;
    if (fractions && !shape.least && !shape.most && shape.multiples_of.empty()) return form_.number();
    return number_expression(rules_, {fractions, shape.least, shape.most, shape.multiples_of});
  }

  // Says where in the schema it happened.
  template <class Work>
  auto with_place(const SchemaRef& place, Work&& work) {
    try {
      return work();
    } catch (const Error& error) {
      ErrorParts parts = error.parts();
      if (!parts.where.starts_with("#")) parts.where = place.pointer + (parts.where.empty() ? "" : ", " + parts.where);
      if (parts.file.empty()) parts.file = document_.source();
      throw Error(parts);
    }
  }

  ExpressionId string(const Shape& shape) {
    if (shape.patterns.empty() && shape.formats.empty()) return form_.string(shape.min_length, shape.max_length);
    if (shape.patterns.size() + shape.formats.size() == 1) {
      // One condition needs no automaton of its own where its texts have the length in any case.
      const ExpressionId content = shape.formats.empty() ? pattern(shape.patterns[0]) : format(shape.formats[0]);
      const auto [least, most] = rules_.lengths(content);
      if (least >= shape.min_length && most <= shape.max_length) return form_.quoted(content);
    }
    return form_.quoted(with_place(shape.patterns.empty() ? shape.formats[0] : shape.patterns[0], [&] {
      return conditions(shape).expression(rules_, Encoding::JsonString, shape.min_length, shape.max_length);
    }));
  }

  // All conditions on a string together, but for its length.
  Dfa conditions(const Shape& shape) {
    Dfa dfa = Dfa::lengths(0, unbounded);
    for (const SchemaRef& place : shape.patterns) dfa = dfa.intersect(values_.pattern(place, document_.text(place)));
    for (const SchemaRef& place : shape.formats) dfa = dfa.intersect(values_.format(place));
    return dfa;
  }
  Dfa content(const Shape& shape) {
    Dfa dfa = conditions(shape);
    if (shape.min_length > shape.max_length) return dfa.intersect(dfa.complement());
    if (shape.min_length > 0 || shape.max_length != unbounded)
      dfa = dfa.intersect(Dfa::lengths(shape.min_length, shape.max_length));
    return dfa;
  }

  ExpressionId pattern(const SchemaRef& place) {
    const std::string& regex = document_.text(place);
    return with_place(place, [&] { return parse_regex(rules_, regex, Match::Search, Encoding::JsonString); });
  }
  ExpressionId format(const SchemaRef& place) {
    (void)values_.format(place);  // which knows it
    return parse_regex(rules_, format_regex(document_.text(place)), Match::Whole, Encoding::JsonString);
  }

  ExpressionId array(const Shape& shape) {
    size_t prefix = 0;
    for (const SchemaRef& s : shape.arrays) {
      if (s.schema->contains("prefixItems")) prefix = std::max(prefix, (*s.schema)["prefixItems"].size());
    }
    prefix = std::min<size_t>(prefix, shape.max_items);
    // A node behind each item of the prefix, and one behind all items.
    Graph graph;
    graph.nodes = static_cast<uint32_t>(prefix + 1);
    for (uint32_t i = 0; i < prefix; i++) {
      const ExpressionId item = schema(shape.item(i));
      graph.edges.push_back({i, i + 1, i == 0 ? item : rules_.sequence({form_.comma(), item})});
      if (i >= shape.min_items) graph.finals.push_back(i);
    }
    const auto behind = static_cast<uint32_t>(prefix);
    const auto less = [behind](uint32_t n) { return n == unbounded ? n : n > behind ? n - behind : 0; };
    graph.finals.push_back(graph.nodes++);
    graph.edges.push_back(
        {behind, graph.nodes - 1,
         items(schema(shape.item(prefix)), behind == 0, less(shape.min_items), less(shape.max_items))});
    return rules_.sequence({rules_.literal("["), rules_.graph(std::move(graph)), rules_.literal("]")});
  }

  // Items behind one another; the first of an array has no comma before it.
  ExpressionId items(ExpressionId item, bool first, uint32_t min, uint32_t max) {
    if (min > max) return rules_.never();
    const ExpressionId more = rules_.sequence({form_.comma(), item});
    if (!first) return rules_.repeat(more, min, max);
    if (max == 0) return rules_.empty();
    const ExpressionId some =
        rules_.sequence({item, rules_.repeat(more, min == 0 ? 0 : min - 1, max == unbounded ? unbounded : max - 1)});
    return min == 0 ? rules_.choice({rules_.empty(), some}) : some;
  }

  // The names that a schema speaks of, in its order, and behind them those that are only required, and that
  // propertyNames lists.
  std::vector<std::string> names(const Shape& shape) {
    std::vector<std::string> result;
    std::unordered_set<std::string> seen;
    const auto add = [&](const std::string& name) {
      if (seen.insert(name).second) result.push_back(name);
    };
    for (const SchemaRef& object : shape.objects) {
      if (!object.schema->contains("properties")) continue;
      for (const auto& [name, value] : (*object.schema)["properties"].items()) add(name);
    }
    for (const std::string& name : shape.required) add(name);
    for (const SchemaRef& object : shape.objects) {
      if (!object.schema->contains("propertyNames")) continue;
      Conjunction schemas;
      add_schema(schemas, object.at("propertyNames"));
      const std::vector<Shape> ways = shapes_.shapes(schemas);
      if (std::any_of(ways.begin(), ways.end(), [](const Shape& way) { return !way.listed; })) continue;
      for (const Shape& way : ways) {
        for (const OrderedJson* value : way.values) {
          if (value->is_string()) add(value->get<std::string>());
        }
      }
    }
    return result;
  }

  ExpressionId object(const Shape& shape) {
    const std::vector<std::string> listed = names(shape);
    const std::unordered_set<std::string> required(shape.required.begin(), shape.required.end());
    if (shape.max_properties < shape.min_properties || shape.max_properties < required.size()) return rules_.never();
    MemberGraph graph(rules_, form_, listed.size(), shape.min_properties, shape.max_properties, document_.source());
    for (size_t i = 0; i < listed.size(); i++)
      graph.add_listed(i, member(shape, listed[i]), required.contains(listed[i]));
    graph.add_others(other_members(shape, listed, Dfa::lengths(0, unbounded)));
    const uint32_t least = shape.min_properties;
    if (least >= 2 && least <= most_distinct) {
      graph.add_distinct([&](uint32_t i) { return other_members(shape, listed, Dfa::lengths_modulo(least, i)); });
    }
    return std::move(graph).expression();
  }

  // A property that the schema names.
  ExpressionId member(const Shape& shape, const std::string& name) {
    for (const SchemaRef& object : shape.objects) {
      if (object.schema->contains("propertyNames") && !values_.valid(OrderedJson(name), object.at("propertyNames")))
        return rules_.never();
    }
    const Conjunction schemas = property_schemas(shape, name, [&](const SchemaRef& place, const std::string& regex) {
      return values_.matches(place, regex, name);
    });
    return form_.member(form_.quoted(form_.content(name)), schema(schemas));
  }

  // Properties that it does not name, with those of the names that are among `such`.
  ExpressionId other_members(const Shape& shape, const std::vector<std::string>& listed, const Dfa& such) {
    std::vector<std::pair<SchemaRef, std::string>> patterns;
    std::vector<const SchemaRef*> limited;  // the schemas with propertyNames
    for (const SchemaRef& object : shape.objects) {
      if (object.schema->contains("propertyNames")) limited.push_back(&object);
      if (!object.schema->contains("patternProperties")) continue;
      for (const auto& [pattern, value] : (*object.schema)["patternProperties"].items()) {
        const auto same = [&p = pattern](const auto& known) { return known.second == p; };
        if (std::none_of(patterns.begin(), patterns.end(), same))
          patterns.emplace_back(object.at("patternProperties"), pattern);
      }
    }
    const bool all = such.complement().empty();
    if (all && listed.empty() && patterns.empty() && limited.empty())
      return form_.member(form_.string(), schema(property_schemas(shape, unlisted_, {})));
    Dfa names = name_dfa(listed).complement();
    if (!all) names = names.intersect(such);
    for (const SchemaRef* object : limited) names = names.intersect(name_dfa(object->at("propertyNames")));
    if (patterns.size() > most_patterns)
      document_.fail(patterns[0].first, "patternProperties has too many patterns",
                     "at most " + std::to_string(most_patterns));
    std::vector<ExpressionId> ways;
    for (size_t matched = 0; matched < size_t{1} << patterns.size(); matched++) {
      Dfa key = names;
      std::set<std::string> matching;
      for (size_t i = 0; i < patterns.size(); i++) {
        const Dfa& dfa = values_.pattern(patterns[i].first, patterns[i].second);
        const bool matches = (matched >> i & 1) != 0;
        key = key.intersect(matches ? dfa : dfa.complement());
        if (matches) matching.insert(patterns[i].second);
      }
      const Conjunction schemas = property_schemas(
          shape, unlisted_, [&](const SchemaRef&, const std::string& regex) { return matching.contains(regex); });
      ways.push_back(form_.member(form_.quoted(key.expression(rules_, Encoding::JsonString)), schema(schemas)));
    }
    return rules_.choice(std::move(ways));
  }

  Dfa name_dfa(const std::vector<std::string>& names) {
    Rules rules;
    std::vector<ExpressionId> ways;
    ways.reserve(names.size());
    for (const std::string& name : names) ways.push_back(rules.literal(name));
    return Dfa::of(rules, rules.choice(std::move(ways)));
  }

  // The strings that a schema allows.
  Dfa name_dfa(const SchemaRef& place) {
    Conjunction schemas;
    add_schema(schemas, place);
    Dfa none = Dfa::lengths(0, unbounded).complement(), result = none;
    for (const Shape& shape : shapes_.shapes(schemas)) {
      if ((shape.kinds & String) == 0) continue;
      std::vector<std::string> values;
      for (const OrderedJson* value : shape.values) {
        if (value->is_string() && values_.valid(*value, place)) values.push_back(value->get<std::string>());
      }
      const Dfa one = shape.listed ? name_dfa(values) : content(shape);
      result = result.complement().intersect(one.complement()).complement();  // either
    }
    return result;
  }

  // A name that no schema has.
  const std::string unlisted_ = "\xff";

  SchemaDocument document_;
  ShapeReader shapes_;
  SchemaValues values_;
  Rules rules_;
  JsonForm form_;
  std::map<std::vector<const OrderedJson*>, RuleId> known_;
  std::deque<std::pair<RuleId, Conjunction>> waiting_;
};

}  // namespace

Rules parse_json_schema(std::string_view text, const std::string& source) {
  return SchemaCompiler(text, source).compile();
}

Rules any_json_object() {
  Rules rules;
  JsonForm form(rules);
  rules.set_root(form.object());
  return rules;
}

}  // namespace foretell::constrain
