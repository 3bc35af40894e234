// Every command line of README.md, CONTRIBUTING.md, docs/ and the heads of the recipes: command, options, overrides and
// the files of this tree that it names exist. Nothing is run.

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/cli/command.h"
#include "longwave/data/sequence_data.h"
#include "longwave/train/comparison.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

const fs::path kSource = LONGWAVE_SOURCE_DIR;

/// Words of a command line, quotes taken off; the brackets and dots of a usage line are left out.
Words words_of(const std::string& line) {
  Words words;
  std::string word;
  char quote = 0;
  bool quoted = false;
  const auto end = [&] {
    if (!quoted) {
      while (word.starts_with("[")) word.erase(0, 1);
      while (word.ends_with("]")) word.pop_back();
    }
    if (!word.empty() && word != "...") words.push_back(word);
    word.clear();
    quoted = false;
  };
  for (const char c : line)
    if (quote ? c == quote : c == '\'' || c == '"')
      quote = quote ? 0 : c, quoted = true;
    else if (!quote && std::isspace(static_cast<unsigned char>(c)))
      end();
    else
      word += c;
  end();
  return words;
}

/// What follows "longwave " in lines of code, without comments and explanations, which stand behind two spaces.
void add_lines(const std::string& text, std::vector<std::string>& commands) {
  std::istringstream lines(text);
  bool fenced = false, continues = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) fenced = !fenced;
    const auto first = std::min(line.find_first_not_of(" #"), line.size());
    const bool code = fenced || line.starts_with("    ") || line.starts_with("#   ");
    auto rest = line.substr(first);
    rest = rest.substr(0, rest.find("  "));
    const auto name = rest.find("longwave ");
    if (continues && first >= 8 && rest.starts_with("["))
      commands.back() += " " + rest;
    else if (continues = code && (name == 0 || rest.starts_with("build/release/longwave ")); continues)
      commands.push_back(rest.substr(name + 9));
  }
}

void add_spans(const std::string& text, std::vector<std::string>& commands) {
  const std::string begin = "`longwave ";
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const auto from = at + begin.size();
    commands.push_back(text.substr(from, text.find('`', from) - from));
  }
}

/// A name that the reader replaces: RUN, FILE.csv, recipes/sequence/NAME.toml, section.key=value, S.
bool is_placeholder(const std::string& word) {
  const auto name = fs::path(word).stem().string();
  return word == "section.key=value" || word == "data.key=value" || word == "field=value" ||
         (!name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isupper(c); }));
}

const CLI::App* subcommand(const CLI::App& app, const std::string& name) {
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; }))
    if (each->get_name() == name) return each;
  return nullptr;
}

/// Refuses an override that the recipe or set of this command does not take.
void check_overrides(const std::string& command, const std::string& subject, const Words& overrides) {
  if (command == "evaluate" || command == "show" || command == "make") {
    for (const auto& word : overrides) {
      const auto field = word.substr(command == "evaluate" ? 5 : 0, word.find('=') - (command == "evaluate" ? 5 : 0));
      const auto has = [&](const auto& set) {
        return std::any_of(set.second.fields.begin(), set.second.fields.end(),
                           [&](const FieldInfo& f) { return f.name == field; });
      };
      const auto& sets = sequence_data_sets();
      const auto named = sets.find(subject);
      check(named != sets.end() ? has(*named) : std::any_of(sets.begin(), sets.end(), has), "no field ", field);
    }
    return;
  }
  const bool known = subject.ends_with(".toml") && !is_placeholder(subject);
  auto sections = known ? read_toml(kSource / subject) : parse_toml("[model]\nname = \"linear\"\n", "any recipe");
  const auto written = sections["compare"];
  if (written.empty()) sections.erase("compare");
  for (const auto& word : overrides) {
    const auto value = word.find('=') + 1;
    apply_override(sections, is_placeholder(word.substr(value)) ? word.substr(0, value) + "1" : word);
  }
  if (sections.contains("compare"))
    plan_comparison(sections, written);
  else
    resolve_recipe(sections);
}

void check_command(const std::string& line) {
  const auto words = words_of(line);
  if (words.empty() || is_placeholder(words[0])) return;
  if (words[0] == "--help" || words[0] == "--version") return;
  CLI::App program;
  const auto found = commands().find(words[0]);
  check(found != commands().end(), "no command ", words[0]);
  found->second.define(program);
  const CLI::App* app = &program;
  std::size_t next = 1;
  if (!program.get_subcommands([](const CLI::App*) { return true; }).empty()) {
    check(next < words.size() && (app = subcommand(program, words[next])), "no command ", line);
    ++next;
  }
  std::string subject;
  Words overrides;
  for (; next < words.size(); ++next) {
    const auto& word = words[next];
    if (word.starts_with("--")) {
      if (word == "--bogus") continue;  // an example of what is refused
      const auto* option = app->get_option_no_throw(word.substr(0, word.find('=')));
      check(option, "no option ", word);
      if (option->get_type_size() > 0 && word.find('=') == std::string::npos) ++next;
    } else if (word.find('=') == std::string::npos) {
      const bool ours = word.starts_with("recipes/") || word.starts_with("tests/");
      check(!ours || is_placeholder(word) || fs::exists(kSource / word), "no file ", word);
      if (subject.empty()) subject = word;
    } else if (!is_placeholder(word)) {
      overrides.push_back(word);
    }
  }
  if (!overrides.empty()) check_overrides(app == &program ? words[0] : app->get_name(), subject, overrides);
}

TEST(DocumentedCommands, Exist) {
  std::size_t checked = 0;
  std::vector<fs::path> files{kSource / "README.md", kSource / "CONTRIBUTING.md"};
  for (const auto* folder : {"docs", "recipes"})
    for (const auto& entry : fs::recursive_directory_iterator(kSource / folder))
      if (const auto ending = entry.path().extension(); ending == ".md" || ending == ".toml")
        files.push_back(entry.path());
  for (const auto& file : files) {
    std::vector<std::string> lines;
    const auto text = read_file(file);
    add_lines(text, lines);
    add_spans(text, lines);
    for (const auto& line : lines) try {
        check_command(line);
        ++checked;
      } catch (const UserError& error) {
        ADD_FAILURE() << file.lexically_relative(kSource) << ": longwave " << line << ": " << error.what();
      }
  }
  EXPECT_GT(checked, 60u);
}

TEST(DocumentedCommands, WhatDoesNotExistIsFound) {
  for (const std::string line :
       {"trian recipes/demo.toml", "data gte ETTh1", "train recipes/nothing.toml", "train RECIPE.toml --rusume",
        "train recipes/sequence/mqar.toml train.epoch=3", "train recipes/sequence/mqar.toml model.name=gla",
        "evaluate RUN data.no_such_field=1", "data show mqar lookback=3"})
    EXPECT_THROW(check_command(line), UserError) << line;
}

}  // namespace
}  // namespace longwave
