#include "longwave/train/comparison_sections.h"

#include <algorithm>

namespace longwave {
namespace {

bool is_of(const std::string& section, const std::string& base) {
  return section == base || section.starts_with(base + ".");
}

/// Cuts "samovar.336" into known names. A name may hold dots itself (a CSV file), so the longest that fits is taken.
std::vector<std::string> split_names(std::string rest, const std::vector<std::string>& known,
                                     const std::string& where) {
  std::vector<std::string> names;
  while (!rest.empty()) {
    std::string best;
    for (const auto& name : known)
      if ((rest == name || rest.starts_with(name + ".")) && name.size() > best.size()) best = name;
    check(!best.empty(), where, ": no model, data set or horizon of this comparison is called '",
          rest.substr(0, rest.find('.')), "'", suggestion(rest.substr(0, rest.find('.')), known));
    names.push_back(best);
    rest.erase(0, best.size() + 1);
  }
  return names;
}

const std::vector<std::string>& section_bases(bool sequences) {
  static const std::vector<std::string> forecast{"compare", "search", "task", "train", "model"};
  static const std::vector<std::string> sequence{"compare", "search", "task",     "train",
                                                 "model",   "data",   "pretrain", "resampled"};
  return sequences ? sequence : forecast;
}

/// "model.mamba.mixer" is a section "model.mixer" for some cells: takes the ending off and says what is left.
std::string take_ending(std::string& rest, bool sequences) {
  if (!sequences) return {};
  for (const std::string ending : {"mixer", "channel_mixer"})
    if (rest == ending || rest.ends_with("." + ending)) {
      rest.erase(rest.size() - std::min(rest.size(), ending.size() + 1));
      return "." + ending;
    }
  return {};
}

}  // namespace

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void KnownNames::add(const ComparisonConfig& config) {
  const auto once = [](std::vector<std::string>& names, const std::string& name) {
    if (!has(names, name)) names.push_back(name);
  };
  for (const auto& name : config.models) once(models, name);
  for (const auto& name : config.data) once(data, name);
  for (const auto h : config.horizons) once(horizons, std::to_string(h));
}

std::vector<std::string> KnownNames::all() const {
  auto names = models;
  names.insert(names.end(), data.begin(), data.end());
  names.insert(names.end(), horizons.begin(), horizons.end());
  return names;
}

std::vector<ScopedSection> scoped_sections(const Sections& sections, const KnownNames& known, bool sequences) {
  std::vector<ScopedSection> list;
  for (const auto& [section, settings] : sections) {
    if (is_of(section, "compare") || is_of(section, "search")) continue;
    const auto where = settings.empty() ? "[" + section + "]" : settings.begin()->second.where;
    const auto dot = section.find('.');
    auto base = section.substr(0, dot);
    const auto& bases = section_bases(sequences);
    if (!has(bases, base)) check_sections({{section, settings}}, bases);
    auto rest = dot == std::string::npos ? std::string() : section.substr(dot + 1);
    if (base == "model") base += take_ending(rest, sequences);
    const auto names = split_names(rest, known.all(), where);
    const bool of_model =
        std::any_of(names.begin(), names.end(), [&](const std::string& name) { return has(known.models, name); });
    const bool common = sequences ? !base.starts_with("model.") : base != "model";
    check(common || of_model || settings.empty(), where, ": [", section,
          "] does not say which model it is of; expected [model.NAME] with one of ", join(known.models));
    list.push_back({base, names, &settings});
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const ScopedSection& a, const ScopedSection& b) { return a.names.size() < b.names.size(); });
  return list;
}

Sections sections_of_cell(const std::vector<ScopedSection>& all, const CellNames& cell) {
  Sections merged;
  for (const bool command_line : {false, true})
    for (const auto& scoped : all) {
      if (!std::all_of(scoped.names.begin(), scoped.names.end(), [&](const auto& n) { return cell.has(n); })) continue;
      for (const auto& [key, setting] : *scoped.settings)
        if ((setting.where == kCommandLine) == command_line) merged[scoped.base][key] = setting;
    }
  return merged;
}

}  // namespace longwave
