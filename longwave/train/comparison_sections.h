#pragma once

#include <string>
#include <vector>

#include "longwave/io/toml.h"
#include "longwave/train/comparison.h"

namespace longwave {

bool has(const std::vector<std::string>& names, const std::string& name);

/// What sections may be named after: everything that the comparison or the recipe as written has.
struct KnownNames {
  std::vector<std::string> models, data, horizons;

  void add(const ComparisonConfig& config);
  std::vector<std::string> all() const;
};

/// The names of a cell.
struct CellNames {
  std::string model, data, horizon;
  bool has(const std::string& name) const { return name == model || name == data || name == horizon; }
};

/// A section for some cells: "task.samovar.336" is base "task" with two names.
struct ScopedSection {
  std::string base;
  std::vector<std::string> names;
  const Settings* settings;
};

/// Those of a comparison's recipe, the wider before the narrower. [compare] and [search] are not among them.
std::vector<ScopedSection> scoped_sections(const Sections& sections, const KnownNames& known, bool sequences);

/// Those that a cell's names are of, merged: the narrower over the wider, the command line over all.
Sections sections_of_cell(const std::vector<ScopedSection>& all, const CellNames& cell);

}  // namespace longwave
