#include "longwave/mixers/mixer.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/ops/lengths.h"
#include "longwave/ops/steps.h"

namespace longwave {
namespace {

/// Whether a state may hold x for b rows where that of a single new row holds `row`. Axes that begin empty grow.
bool fits(const at::Tensor& x, const at::Tensor& row, std::int64_t b, at::ScalarType type) {
  if (x.scalar_type() != type || x.dim() != row.dim() || x.size(0) != b) return false;
  for (std::int64_t axis = 1; axis < x.dim(); ++axis)
    if (row.size(axis) != 0 && x.size(axis) != row.size(axis)) return false;
  return true;
}

}  // namespace

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

State SequenceMixer::initial_state(std::int64_t b) const {
  auto state = first_state(b);
  state.maker = identity;
  return state;
}

State SequenceMixer::first_state(std::int64_t) const {
  fail(identity->name, ": this mixer does not stream: ", properties().reason);
}

bool SequenceMixer::scale_logarithm(const at::Tensor& log_step, double factor) {
  const at::NoGradGuard no_grad;
  log_step.add_(std::log(factor));
  return true;
}

void SequenceMixer::check_input(const char* mixer, const at::Tensor& x, std::int64_t d, const Lengths& lengths,
                                const State* state) const {
  check(x.dim() == 3 && x.size(2) == d, mixer, ": x is ", x.sizes(), "; expected [b, t, ", d, "]");
  check(x.size(0) > 0, mixer, ": x has no sequences; expected at least one");
  check(x.size(1) > 0, mixer, ": x has no steps; expected at least one");
  std::call_once(weight_is_found_, [&] {
    if (const auto weights = parameters(); !weights.empty()) a_weight_ = weights.front();
  });
  if (a_weight_.defined()) check_like_weight(mixer, x, a_weight_);
  if (lengths.defined()) ops::check_lengths(mixer, lengths, x);
  if (state) check_state(mixer, x, *state);
}

void SequenceMixer::check_state(const char* mixer, const at::Tensor& x, const State& state) const {
  const auto properties = this->properties();
  check(properties.streams, mixer, ": a state was given, but this mixer does not stream: ", properties.reason);
  std::call_once(state_is_made_, [&] {
    const at::NoGradGuard no_grad;
    state_of_a_row_ = first_state(1);
  });
  check_maker(mixer, state);
  const auto& expected = state_of_a_row_;
  for (const auto& [name, row] : expected) {
    const auto found = state.find(name);
    check(found != state.end(), mixer, ": the state has no '", name, "'; expected one of this mixer's initial_state");
    const auto type = row.is_floating_point() ? x.scalar_type() : row.scalar_type();  // weights may change theirs
    check(found->second.device() == x.device(), mixer, ": state ", name, " is on ", found->second.device().str(),
          "; expected ", x.device().str(), " like x");
    if (fits(found->second, row, x.size(0), type)) continue;
    auto sizes = row.sizes().vec();
    sizes[0] = x.size(0);
    fail(mixer, ": state ", name, " is ", found->second.scalar_type(), " ", found->second.sizes(), "; expected ", type,
         " ", at::IntArrayRef(sizes), row.numel() == 0 ? " (0: any number)" : "",
         ", one of this mixer's initial_state");
  }
  for (const auto& [name, tensor] : state)
    check(expected.count(name) > 0, mixer, ": the state has '", name, "', which is not this mixer's");
}

void SequenceMixer::check_maker(const char* mixer, const State& state) const {
  if (!state.maker || state.maker == identity) return;
  const auto& maker = *state.maker;
  check(maker.name == identity->name, mixer, ": the state is one of ", maker.name, "; expected one of ", identity->name,
        "'s initial_state");
  for (const auto& [key, value] : identity->config.items())
    check(maker.config.at(key) == value, mixer, ": the state is one of a mixer with ", key, " = ",
          maker.config.at(key).dump(), "; expected one of this mixer's initial_state, with ", key, " = ", value.dump());
}

at::Tensor valid_steps(const Lengths& lengths, const at::Tensor& x) {
  if (!lengths.defined()) return {};
  const auto steps = at::arange(x.size(1), lengths.options());
  return (steps.unsqueeze(0) < lengths.unsqueeze(1)).unsqueeze(-1);
}

at::Tensor zero_padding(const at::Tensor& y, const at::Tensor& valid) {
  return valid.defined() ? ops::fill_steps(y, valid, 0) : y;
}

bool fixture_has_weight(const Json& config, const std::string& name) {
  return config.value("weights", Json::object()).contains(name);
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
