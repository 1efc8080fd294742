// A page of the manual as data, and how it is printed.
#pragma once

#include <string>
#include <vector>

namespace streamrun {

struct HelpRow {
  std::string name;
  std::string form;  // type, bounds and default; may be empty
  std::string help;
};

struct HelpSection {
  std::string title;
  std::vector<HelpRow> rows;
};

struct HelpPage {
  std::string name;
  std::string summary;
  std::vector<std::string> facts;  // a line each
  std::vector<HelpSection> sections;
  std::string example;
};

// `NAME: SUMMARY`, the facts, the sections, the example.
std::string render_page(const HelpPage& page);
// A list of pages: a line each, names and summaries below each other.
std::string render_index(const std::string& title, const std::vector<HelpSection>& sections, const std::string& more);

}  // namespace streamrun
