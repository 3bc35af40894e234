#include "longwave/train/parameter_groups.h"

#include <charconv>
#include <cmath>
#include <set>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
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

/// "name=rate, name=rate" as pairs.
std::vector<std::pair<std::string, double>> read_rates(const std::string& text) {
  std::vector<std::pair<std::string, double>> rates;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    const auto first = text.find_first_not_of(' ', begin);
    const auto entry = first < end ? text.substr(first, end - first) : std::string();
    const auto equals = entry.find('=');
    double rate = -1;
    if (equals != std::string::npos && equals > 0) {
      const char *from = entry.data() + equals + 1, *to = entry.data() + entry.size();
      if (const auto [stop, error] = std::from_chars(from, to, rate); error != std::errc() || stop != to) rate = -1;
    }
    check(rate >= 0 && std::isfinite(rate), "train.rates has '", entry,
          "'; expected name=rate, such as inv_dt=0.01, separated by commas");
    rates.emplace_back(entry.substr(0, equals), rate);
    begin = end + 1;
  }
  return rates;
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
  for (const auto& [end, rate] : read_rates(config.rates)) {
    bool found = false;
    std::set<std::string> ends;  // of all names, behind the last dot
    for (const auto& item : module.named_parameters()) {
      ends.insert(item.key().substr(item.key().rfind('.') + 1));
      if (item.key() != end && !item.key().ends_with("." + end)) continue;
      found = true;
      const auto [entry, is_new] = special.try_emplace(item.key());
      if (is_new) entry->second.weight_decay = config.weight_decay;
      entry->second.rate_scale = rate / config.learning_rate;
    }
    check(found, "train.rates: the model has no parameter whose name ends in '", end, "'",
          suggestion(end, {ends.begin(), ends.end()}));
  }
  return special;
}

bool treats_no_states(const Module& module, const TrainConfig& config) {
  return (config.state_learning_rate > 0 || config.state_weight_decay > 0) && state_parameter_names(module).empty();
}

}  // namespace longwave
