#include "longwave/models/forecaster.h"

#include <ATen/CPUGeneratorImpl.h>

#include <mutex>

namespace longwave {
namespace detail {

std::map<std::string, ForecasterInfo>& forecaster_registry() {
  static std::map<std::string, ForecasterInfo> registry;
  return registry;
}

std::shared_ptr<Forecaster> with_seed(std::uint64_t seed, const std::function<std::shared_ptr<Forecaster>()>& make) {
  // torch's initialisers draw from the process-wide generator; it is lent to this seed and given back.
  auto generator = at::detail::getDefaultCPUGenerator();
  const auto locked = [&](auto&& action) {
    const std::lock_guard lock(generator.mutex());
    return action();
  };
  const auto before = locked([&] { return generator.get_state(); });
  locked([&] { generator.set_current_seed(seed); });
  auto model = make();
  locked([&] { generator.set_state(before); });
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
