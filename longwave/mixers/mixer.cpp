#include "longwave/mixers/mixer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"

namespace longwave {

const char* name_of(Cost cost) {
  switch (cost) {
    case Cost::linear:
      return "linear";
    case Cost::linearithmic:
      return "t log t";
    case Cost::windowed:
      return "windowed";
    case Cost::quadratic:
      return "quadratic";
  }
  return "";
}

State SequenceMixer::initial_state(std::int64_t) const { fail("this mixer does not stream: ", properties().reason); }

bool SequenceMixer::scale_logarithm(const at::Tensor& log_step, double factor) {
  const at::NoGradGuard no_grad;
  log_step.add_(std::log(factor));
  return true;
}

void SequenceMixer::check_input(const char* mixer, const at::Tensor& x, std::int64_t d, const Lengths& lengths,
                                const State* state) const {
  check(x.dim() == 3 && x.size(2) == d, mixer, ": x is ", x.sizes(), "; expected [b, t, ", d, "]");
  check(x.size(1) > 0, mixer, ": x has no steps; expected at least one");
  if (lengths.defined())
    check(lengths.dim() == 1 && lengths.size(0) == x.size(0) && lengths.scalar_type() == at::kLong, mixer,
          ": lengths is ", lengths.scalar_type(), " ", lengths.sizes(), "; expected int64 [b] = [", x.size(0), "]");
  if (!state) return;
  const auto properties = this->properties();
  check(properties.streams, mixer, ": a state was given, but this mixer does not stream: ", properties.reason);
  const auto expected = initial_state(x.size(0));
  for (const auto& [name, tensor] : expected) {
    const auto found = state->find(name);
    check(found != state->end(), mixer, ": the state has no '", name, "'; expected one of this mixer's initial_state");
    check(found->second.dim() > 0 && found->second.size(0) == x.size(0), mixer, ": state ", name, " is ",
          found->second.sizes(), "; expected ", x.size(0), " rows like x");
  }
  for (const auto& [name, tensor] : *state)
    check(expected.count(name) > 0, mixer, ": the state has '", name, "', which is not this mixer's");
}

at::Tensor valid_steps(const Lengths& lengths, const at::Tensor& x) {
  if (!lengths.defined()) return {};
  const auto steps = at::arange(x.size(1), lengths.options());
  return (steps.unsqueeze(0) < lengths.unsqueeze(1)).unsqueeze(-1);
}

at::Tensor zero_padding(const at::Tensor& y, const at::Tensor& valid) {
  return valid.defined() ? at::where(valid, y, at::zeros({}, y.options())) : y;
}

bool fixture_has_weight(const Json& config, const std::string& name) {
  const auto weights = config.value("weights", Json::array());
  return std::find(weights.begin(), weights.end(), Json(name)) != weights.end();
}

void number_output_map(TensorMap& weights) {
  for (const std::string part : {"weight", "bias"})
    if (auto node = weights.extract("output_linear." + part); !node.empty())
      weights["output_linear.0." + part] = node.mapped();
}

std::string transposed_layout(const Json& config) { return config.value("transposed", true) ? "bdt" : "btd"; }

at::Tensor given_state(const TensorMap& in, const std::string& suffix) {
  for (const auto* name : {"h0", "state", "state0", "initial_state", "initial_states", "prev_hidden"})
    if (const auto found = in.find(name + suffix); found != in.end()) return found->second;
  return {};
}

std::function<State(const TensorMap& in)> initial_state_as(
    const std::string& name, const std::function<at::Tensor(const at::Tensor&)>& convert) {
  return [=](const TensorMap& in) {
    const auto given = given_state(in);
    return given.defined() ? State{{name, convert ? convert(given) : given}} : State();
  };
}

const std::map<std::string, MixerInfo>& mixers() { return detail::mixer_registry(); }

const MixerInfo& find_mixer(const std::string& name) {
  const auto found = mixers().find(name);
  if (found == mixers().end()) {
    std::vector<std::string> names;
    for (const auto& [known, info] : mixers()) names.push_back(known);
    fail("unknown mixer '", name, "'", suggestion(name, names));
  }
  return found->second;
}

namespace detail {
std::map<std::string, MixerInfo>& mixer_registry() {
  static std::map<std::string, MixerInfo> registry;
  return registry;
}
}  // namespace detail

}  // namespace longwave
