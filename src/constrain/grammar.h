#pragma once

#include <utility>

#include "constrain/automaton.h"
#include "constrain/rules.h"
#include "foretell/constrain.h"

namespace foretell {

struct Grammar::Parts {
  explicit Parts(constrain::Rules r) : rules(std::move(r)), automaton(rules, constrain::CodePointSet::all()) {}

  // For texts of these characters.
  constrain::Automaton automaton_for(const constrain::CodePointSet& alphabet) const {
    return alphabet == constrain::CodePointSet::all() ? automaton : constrain::Automaton(rules, alphabet);
  }

  constrain::Rules rules;
  constrain::Automaton automaton;  // for all characters
};

}  // namespace foretell
