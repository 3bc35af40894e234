#include "longwave/train/parameter_groups.h"

#include "longwave/base/check.h"
#include "longwave/nn/state_parameters.h"

namespace longwave {

namespace {

/// Adds what `module`, of that dotted name, declares.
void add_state_parameters(const torch::nn::Module& module, const std::string& name, std::vector<std::string>& names) {
  const auto* owner = dynamic_cast<const HasStateParameters*>(&module);
  if (!owner) return;
  const auto parameters = module.named_parameters();
  for (const auto& parameter : owner->state_parameters()) {
    check(parameters.contains(parameter), "module ", name, " has no parameter ", parameter);
    names.push_back(name.empty() ? parameter : name + "." + parameter);
  }
}

}  // namespace

std::vector<std::string> state_parameter_names(const Module& module) {
  std::vector<std::string> names;
  add_state_parameters(module, "", names);
  for (const auto& item : module.named_modules("", false)) add_state_parameters(*item.value(), item.key(), names);
  return names;
}

std::map<std::string, AdamW::Treatment> treatments(const Module& module, const TrainConfig& config) {
  std::map<std::string, AdamW::Treatment> special;
  if (config.decay == "matrices")
    for (const auto& item : module.named_parameters())
      if (item.value().dim() < 2) special[item.key()] = {.rate_scale = 1, .weight_decay = 0};
  const double scale = config.state_learning_rate > 0 ? config.state_learning_rate / config.learning_rate : 1;
  for (const auto& name : state_parameter_names(module))
    special[name] = {.rate_scale = scale, .weight_decay = config.state_weight_decay};
  return special;
}

bool treats_no_states(const Module& module, const TrainConfig& config) {
  return (config.state_learning_rate > 0 || config.state_weight_decay > 0) && state_parameter_names(module).empty();
}

}  // namespace longwave
