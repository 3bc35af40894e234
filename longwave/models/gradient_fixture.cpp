#include "longwave/models/gradient_fixture.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "longwave/base/check.h"

namespace longwave {
namespace {

constexpr double kForward = 2e-5, kLongForward = 1e-4;  // float32; the latter beyond 4096 steps
constexpr double kGradient = 2e-5, kPoleGradient = 1e-4;
// Where terms of a gradient cancel, as before a batch norm, its own size says nothing about their rounding: at least
// this part of the fixture's largest gradient is the unit, and all of it where nothing else is left.
constexpr double kSmallGradient = 0.1, kSmallGradientExact = 1e-3, kCancelled = 1e-6;
constexpr double kStored = 2e-7;  // float64: what is left is the rounding of the stored numbers
// Of the attention family, whose references keep some constants in float32: their fixtures suggest a tolerance.
constexpr double kAttention = 1e-4, kAttentionExact = 1e-5;
constexpr double kOtherOrder = 2;  // how many times the float32 rounding of the reference ours may be

bool suggests_tolerance(const Fixture& fixture) { return !fixture.metadata("suggested_tolerance").empty(); }

/// Steps of the sequence, 0 if the configuration does not state them.
std::int64_t length_of(const Json& config) {
  for (const auto* key : {"L", "T"})
    if (const auto found = config.find(key); found != config.end() && found->is_number()) return *found;
  return 0;
}

/// What the fixture says that the reference itself loses in float32, 0 if it does not.
double float32_loss(const Fixture& fixture, const char* of) {
  const auto stated = Json::parse(fixture.metadata("float32_error"), nullptr, false);
  return stated.is_object() ? stated.value(of, 0.0) : 0;
}

double attention_tolerance(const Fixture& fixture, bool exact, const char* of) {
  return exact ? kAttentionExact : std::max(kAttention, kOtherOrder * float32_loss(fixture, of));
}

double forward_tolerance(const Fixture& fixture, bool exact) {
  if (suggests_tolerance(fixture)) return attention_tolerance(fixture, exact, "worst_out");
  if (exact) return kStored;
  return length_of(fixture.config) > 4096 ? kLongForward : kForward;
}

/// Gradients of step sizes and poles collect the rounding of every power of them.
bool is_pole_or_step(const std::string& name) {
  static const std::vector<std::string> endings = {"dt",     "A_real", "A_imag", ".P",       "log_step",
                                                   "nu_log", "A_log",  ".A",     "theta_log"};
  return name.find("Lambda") != std::string::npos ||
         std::any_of(endings.begin(), endings.end(), [&](const auto& ending) { return name.ends_with(ending); });
}

double gradient_tolerance(const Fixture& fixture, bool exact, const std::string& name) {
  if (suggests_tolerance(fixture)) return attention_tolerance(fixture, exact, "worst_grad");
  if (exact) return forward_tolerance(fixture, exact);
  return is_pole_or_step(name) ? kPoleGradient : kGradient;
}

double largest_gradient(const Fixture& fixture) {
  double largest = 0;
  for (const auto& [name, gradient] : fixture.with_prefix("grad."))
    if (gradient.numel() > 0) largest = std::max(largest, gradient.abs().max().item<double>());
  return largest;
}

/// Of the element type under test; leaves where the fixture stores a gradient.
TensorMap leaves_of(const Fixture& fixture, const std::string& prefix, at::ScalarType type) {
  auto tensors = fixture.with_prefix(prefix);
  for (auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point()) tensor = tensor.to(type);
    if (fixture.has("grad." + prefix + name)) tensor.requires_grad_(true);
  }
  return tensors;
}

/// The configuration, with the sizes of all tensors as `weights`.
Json with_weights(Json config, const TensorMap& in, const TensorMap& param) {
  auto& weights = config["weights"] = Json::object();
  for (const auto* tensors : {&in, &param})
    for (const auto& [name, tensor] : *tensors) weights[name] = tensor.sizes().vec();
  return config;
}

void compare_gradients(const Fixture& fixture, const std::string& prefix, const TensorMap& leaves, bool exact,
                       const std::string& suffix, FixtureReport& report) {
  const auto largest = largest_gradient(fixture);
  for (const auto& [name, leaf] : leaves) {
    const auto full = "grad." + prefix + name;
    if (!fixture.has(full)) continue;
    const auto got = leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
    const auto expected = fixture.tensor(full);
    const bool cancelled = expected.numel() > 0 && expected.abs().max().item<double>() <= kCancelled * largest;
    const auto unit = cancelled ? 1 : exact ? kSmallGradientExact : kSmallGradient;
    report.compare(full + suffix, got, expected, gradient_tolerance(fixture, exact, name), unit * largest);
  }
}

/// The terms of the loss, output times weight: of y alone in.w, of several in.w.NAME.
std::vector<at::Tensor> loss_terms(const TensorMap& out, const TensorMap& in) {
  std::vector<at::Tensor> terms;
  for (const auto& [name, value] : out) {
    const auto weight = in.find(name == "y" && in.count("w") ? "w" : "w." + name);
    if (weight != in.end() && weight->second.sizes() == value.sizes()) terms.push_back(value * weight->second);
  }
  return terms;
}

void run_typed(const Fixture& fixture, FixtureReport& report, const FixtureCompute& compute, at::ScalarType type) {
  const bool exact = type == at::kDouble;
  const std::string suffix = exact ? " (float64)" : "";
  const auto in = leaves_of(fixture, "in.", type), param = leaves_of(fixture, "param.", type);
  const bool gradients = !fixture.with_prefix("grad.").empty();
  const at::AutoGradMode mode(gradients);
  auto run = compute(in, param, with_weights(fixture.config, in, param));
  at::Tensor loss;
  double loss_size = 0;
  for (const auto& term : loss_terms(run.out, in)) {
    loss = loss.defined() ? loss + term.sum() : term.sum();
    loss_size += term.detach().abs().sum().item<double>();
  }
  if (loss.defined()) run.out.emplace("loss", loss);
  const auto tolerance = forward_tolerance(fixture, exact);
  for (const auto& [name, expected] : fixture.with_prefix("out.")) {
    const auto found = run.out.find(name);
    // The loss is a sum whose terms cancel: its own size says nothing about their rounding.
    if (found != run.out.end())
      report.compare("out." + name + suffix, found->second, expected, fixture.tolerance("tolerance", tolerance),
                     name == "loss" ? loss_size : 0);
  }
  if (!gradients) return;
  check(run.out.count("loss") > 0, fixture.path, ": gradients without out.y and in.w; expected the terms of the loss");
  run.out.at("loss").backward();
  if (run.after_backward) run.after_backward();
  compare_gradients(fixture, "in.", in, exact, suffix, report);
  compare_gradients(fixture, "param.", param, exact, suffix, report);
}

}  // namespace

void check_with_gradients(const Fixture& fixture, FixtureReport& report, const FixtureCompute& compute) {
  run_typed(fixture, report, compute, at::kFloat);
  run_typed(fixture, report, compute, at::kDouble);
}

void map_gradients(const Module& module, const TensorMap& imported) {
  std::vector<at::Tensor> values, gradients;
  for (const auto& parameter : module.named_parameters()) {
    const auto found = imported.find(parameter.key());
    if (found == imported.end() || !found->second.requires_grad() || !parameter.value().grad().defined()) continue;
    values.push_back(found->second);
    gradients.push_back(parameter.value().grad().reshape(found->second.sizes()));
  }
  if (!values.empty()) torch::autograd::backward(values, gradients);
}

RegisterComputedFixture::RegisterComputedFixture(std::vector<std::string> system_ids, FixtureCompute compute) {
  fixture_checks().push_back({
      [ids = std::move(system_ids)](const Fixture& fixture) {
        return std::find(ids.begin(), ids.end(), fixture.system_id) != ids.end();
      },
      [compute = std::move(compute)](const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
        check_with_gradients(fixture, report, compute);
      },
  });
}

}  // namespace longwave
