#include "longwave/models/forecaster.h"

#include "longwave/nn/seeded_init.h"

namespace longwave {
namespace detail {

std::map<std::string, ForecasterInfo>& forecaster_registry() {
  static std::map<std::string, ForecasterInfo> registry;
  return registry;
}

std::shared_ptr<Forecaster> with_seed(std::uint64_t seed, const std::function<std::shared_ptr<Forecaster>()>& make) {
  const SeededInit seeded(seed);
  auto model = make();
  model->random = RandomStream{seed, 0}.split(1);
  return model;
}

}  // namespace detail

const std::map<std::string, ForecasterInfo>& forecasters() { return detail::forecaster_registry(); }

const ForecasterInfo& find_forecaster(const std::string& name) {
  const auto& all = forecasters();
  const auto found = all.find(name);
  if (found == all.end()) {
    std::vector<std::string> names;
    for (const auto& [known, info] : all) names.push_back(known);
    fail("unknown model '", name, "'", suggestion(name, names));
  }
  return found->second;
}

}  // namespace longwave
