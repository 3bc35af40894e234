#include "longwave/data/sequence_data.h"

#include "longwave/data/other_names.h"

namespace longwave {

namespace detail {
std::map<std::string, SequenceDataInfo>& sequence_data_registry() {
  static std::map<std::string, SequenceDataInfo> registry;
  return registry;
}

std::shared_ptr<const SequenceData> with_source(const std::string& source,
                                                const std::function<std::shared_ptr<const SequenceData>()>& make) {
  try {
    return make();
  } catch (const DataNotFound& error) {
    throw DataNotFound(error.what() + ("; source: " + source));
  }
}
}  // namespace detail

const std::vector<std::int32_t>& SequenceData::stream(Split) const {
  fail("this set holds separate samples, not one stream of tokens");
}

const char* name_of(Split split) { return split == Split::train ? "train" : split == Split::val ? "val" : "test"; }

Split split_of(const std::string& name) {
  for (const auto split : {Split::train, Split::val, Split::test})
    if (name == name_of(split)) return split;
  fail("no split is called '", name, "'; expected train, val or test");
}

const std::map<std::string, SequenceDataInfo>& sequence_data_sets() { return detail::sequence_data_registry(); }

const SequenceDataInfo& find_sequence_data(const std::string& name) {
  const auto& all = sequence_data_sets();
  const auto found = all.find(name);
  if (found != all.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, info] : all) names.push_back(known);
  fail("unknown data set '", name, "'", suggestion_of_set(name, names));
}

}  // namespace longwave
