#include "longwave/data/other_names.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "longwave/base/suggest.h"
#include "longwave/data/sequence_data.h"

namespace longwave {
namespace {

/// What papers, loaders and archives call sets, in small letters with hyphens: what they are here.
const std::map<std::string, std::string>& other_names() {
  static const std::string image = "'image' (grey) or 'scifar' (colour)", words = "'sc10' (ten words) or 'sc35' (all)",
                           large = "'pathfinder' with data.resolution=128", digits = "'spoken-digits'";
  static const std::map<std::string, std::string> names{
      {"aan", "'retrieval'"},
      {"aclimdb", "'text'"},
      {"associative-recall", "'recall' or 'mqar'"},
      {"cifar", image},
      {"cifar-10", image},
      {"cifar10", image},
      {"enwik8", "'characters' with data.name=enwik8"},
      {"free-spoken-digit-dataset", digits},
      {"fsdd", digits},
      {"genomic-benchmarks", "'dna'"},
      {"gsc", words},
      {"imdb", "'text'"},
      {"imdb-4000", "'text'"},
      {"induction-heads", "'induction'"},
      {"lra", "one of its tasks: 'listops', 'text', 'retrieval', 'image', 'pathfinder'"},
      {"mnist", "'smnist' (row by row) or 'pmnist' (permuted)"},
      {"path-256", "'pathfinder' with data.resolution=256"},
      {"path-x", large},
      {"pathfinder-x", large},
      {"pathfinder128", large},
      {"pathfinder256", "'pathfinder' with data.resolution=256"},
      {"pathfinder32", "'pathfinder'"},
      {"pathfinder64", "'pathfinder' with data.resolution=64"},
      {"pathx", large},
      {"permuted-mnist", "'pmnist'"},
      {"psmnist", "'pmnist'"},
      {"seq-mnist", "'smnist'"},
      {"sequential-cifar", "'scifar'"},
      {"sequential-mnist", "'smnist'"},
      {"shakespeare", "'characters'"},
      {"speech-commands", words},
      {"speechcommands", words},
      {"tiny-shakespeare", "'characters'"},
      {"wikitext103", "'wikitext' with data.corpus=wikitext-103"},
      {"wikitext2", "'wikitext'"},
  };
  return names;
}

std::string plain(std::string name) {
  for (char& c : name) c = c == '_' || c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

/// A part of the archive of a set, such as one of the Genomic Benchmarks.
std::string part_of_set(const std::string& name) {
  for (const auto& [set, info] : sequence_data_sets())
    for (const auto& layout : info.layouts)
      for (const std::string key : {"name", "corpus"})
        if (const auto value = layout.keys.find(key); value != layout.keys.end() && plain(value->second) == name)
          return "'" + set + "' with data." + key + "=" + value->second;
  return "";
}

/// The difficulty of Pathfinder behind its folder: "pathfinder32/hard", "pathfinder128/curv_baseline".
std::string difficulty_of(const std::string& folder) {
  static const std::map<std::string, std::string> folders{
      {"curv-baseline", "easy"}, {"curv-contour-length-9", "intermediate"}, {"curv-contour-length-14", "hard"}};
  if (const auto known = folders.find(folder); known != folders.end()) return known->second;
  return folder == "easy" || folder == "intermediate" || folder == "hard" ? folder : "";
}

std::string meaning_of(const std::string& name) {
  const auto& others = other_names();
  if (const auto known = others.find(name); known != others.end()) return known->second;
  if (auto part = part_of_set(name); !part.empty()) return part;
  const auto slash = name.find('/');
  const auto front = name.substr(0, slash);
  if (slash != std::string::npos && (front == "pathfinder" || front.starts_with("path"))) {
    const auto difficulty = difficulty_of(name.substr(slash + 1));
    const auto known = others.find(front);
    const auto of = known == others.end() ? "'pathfinder'" : known->second;
    if (difficulty.empty()) return of;
    return of + (of.ends_with("'") ? " with" : " and") + " data.difficulty=" + difficulty;
  }
  if (!name.starts_with("lra-")) return "";
  const auto task = name.substr(4);
  return sequence_data_sets().contains(task) ? "'" + task + "'" : meaning_of(task);
}

}  // namespace

std::string suggestion_of_set(const std::string& name, const std::vector<std::string>& known) {
  const auto meaning = meaning_of(plain(name));
  return meaning.empty() ? suggestion(name, known) : "; did you mean " + meaning + "?";
}

}  // namespace longwave
