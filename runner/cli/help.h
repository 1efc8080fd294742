// The manual: pages made from the declarations that decode and check.
#pragma once

namespace streamrun {

class Console;
struct Verb;

// How a verb is called; null: which verbs there are.
void print_verb_help(const Verb* verb, Console& console);

}  // namespace streamrun
