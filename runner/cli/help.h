// The manual: pages made from the declarations that decode and check.
#pragma once

namespace streamrun {

struct Verb;

// How a verb is called; null: which verbs there are.
void print_verb_help(const Verb* verb);

}  // namespace streamrun
