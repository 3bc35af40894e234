// Fixtures of forecasters: builds the model that the metadata describe, loads the reference's weights, runs it, and
// compares forecasts, losses, intermediates and gradients.

#include "longwave/models/forecast_fixture.h"

#include <ATen/ops/mse_loss.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "longwave/base/check.h"
#include "longwave/models/var_weights.h"

namespace longwave {
namespace {

constexpr double kForward = 2e-5;        // specification of the fixtures: relative to the largest output
constexpr double kGradient = 1e-4;       // relative to the largest number of the tensor
constexpr double kSmallGradient = 1e-2;  // ... or to this part of the largest gradient: below it is rounding noise

/// Of the first batch, where a fixture has several.
std::string first_batch(const Fixture& fixture, const std::string& name) {
  return fixture.has(name) ? name : name + ".0";
}

const ForecasterInfo* implementation(const std::string& system_id) {
  for (const auto& [name, info] : forecasters())
    if (std::find(info.system_ids.begin(), info.system_ids.end(), system_id) != info.system_ids.end()) return &info;
  return nullptr;
}

std::int64_t size_of(const Fixture& fixture, const char* key, std::int64_t fallback) {
  const auto found = fixture.config.find(key);
  if (found == fixture.config.end()) return fallback;
  check(found->is_number_integer(), fixture.path, ": config.", key, " is ", found->dump(), "; expected an integer");
  return found->get<std::int64_t>();
}

/// Shapes of the stored tensors where they tell, else the configuration.
ForecastSizes sizes_of(const Fixture& fixture) {
  const auto x = fixture.tensor(first_batch(fixture, "in.x"));
  check(x.dim() == 3, fixture.path, ": in.x has ", x.dim(), " axes; expected [b, lookback, channels]");
  ForecastSizes sizes;
  sizes.lookback = x.size(1);
  sizes.channels = x.size(2);
  const auto y = fixture.tensor_or_none(first_batch(fixture, "in.y"));
  sizes.horizon = size_of(fixture, "pred_len", y.defined() ? y.size(1) : 0);
  check(sizes.horizon > 0, fixture.path, ": config.pred_len is ", sizes.horizon, "; expected at least 1");
  // Of the stored forecast where there is one: most references forecast all channels whatever their configuration says.
  const auto targets =
      fixture.has("out.pred") ? fixture.tensor("out.pred").size(2) : size_of(fixture, "number_of_targets", 0);
  sizes.targets = targets == 0 ? sizes.channels : targets;
  sizes.label = size_of(fixture, "label_len", 0);
  if (fixture.has("in.x_dec")) sizes.label = fixture.tensor("in.x_dec").size(1) - sizes.horizon;
  if (fixture.has("in.x_mark")) sizes.time_features = fixture.tensor("in.x_mark").size(2);
  return sizes;
}

/// The reference's fixtures were made without dropout. Its configurations hold options of all models; those that our
/// model has but the reference's does not read are left out. Only the program of LTSF-Linear reads `individual` for
/// Linear, and then stores a map for each channel.
Settings settings_of(const Fixture& fixture, const ForecasterInfo& info) {
  auto settings = settings_from_json(fixture.config, fixture.path + " (config)");
  static const std::map<std::string, std::string> unread = {
      {"dlinear", "moving_avg"}, {"linear", "individual"}, {"lintrans", "time_emb_dim"}};
  const auto found = unread.find(info.name);
  if (found != unread.end() && !fixture.has("param.Linear.0.weight")) settings.erase(found->second);
  for (const auto& field : info.fields)
    if (field.name.ends_with("dropout")) settings[field.name] = {0.0, fixture.path};
  return settings;
}

}  // namespace

std::shared_ptr<Forecaster> build_forecaster(const Fixture& fixture) {
  const auto& info = *implementation(fixture.system_id);
  auto model = info.make(sizes_of(fixture), info.resolve(settings_of(fixture, info), "config", true), 0);
  model->load(model->import_reference(fixture.with_prefix("param.")), fixture.path);
  model->train(fixture.metadata("mode") == "train");
  return model;
}

bool has_forecaster(const Fixture& fixture) { return implementation(fixture.system_id) != nullptr; }

at::Tensor forecast_mse(const at::Tensor& forecast, const at::Tensor& y) {
  return at::mse_loss(forecast, y.slice(2, y.size(2) - forecast.size(2)));
}

namespace {

ForecastInput input_of(const Fixture& fixture) {
  ForecastInput in;
  in.x = fixture.tensor("in.x");
  in.x_mark = fixture.tensor_or_none("in.x_mark");
  in.x_dec = fixture.tensor_or_none("in.x_dec");
  in.y_mark = fixture.tensor_or_none("in.y_mark");
  in.with_losses = true;
  for (const auto& [name, tensor] : fixture.with_prefix("in.index_sample."))
    in.choices["index_sample." + name] = tensor;
  return in;
}

/// Everything that the fixture's out.* may ask for, by their names without "out.".
TensorMap results_of(const Fixture& fixture, const ForecastOutput& out, const TensorMap& trace) {
  TensorMap results = {{"pred", out.forecast}};
  for (const auto& [name, tensor] : trace) results["mid." + name] = tensor;
  if (fixture.has("out.var.phi_last")) {
    const auto notes = var_trace(trace);
    results["var.phi_last"] = var_weights(notes, notes.tokens() - 1).phi;
  }
  at::Tensor total;
  if (fixture.has("in.y")) total = results["loss_mse"] = forecast_mse(out.forecast, fixture.tensor("in.y"));
  for (const auto& [name, loss] : out.extra_losses) {
    results["loss_" + name] = loss;
    if (total.defined()) total = total + loss;
  }
  if (total.defined()) results["loss_total"] = total;
  return results;
}

void compare_outputs(const Fixture& fixture, const TensorMap& results, FixtureReport& report) {
  const auto tolerance = fixture.tolerance("tolerance", fixture.system_id == "tide" ? 5e-5 : kForward);
  for (const auto& [name, expected] : fixture.with_prefix("out.")) {
    const auto found = results.find(name);
    if (found == results.end())
      report.not_compared.push_back("out." + name);
    else
      report.compare("out." + name, found->second, expected, tolerance);
  }
}

at::Tensor gradient_of(const at::Tensor& x) { return x.grad().defined() ? x.grad() : at::zeros_like(x); }

/// Gradients stored under names of the reference that are not ours: they go through the import mapping like the
/// weights. Numbers without a stored gradient are marked NaN and left out.
void compare_mapped(const TensorMap& mapped, const TensorMap& own, const std::set<std::string>& done, double tolerance,
                    double scale, FixtureReport& report) {
  for (const auto& [name, expected] : mapped) {
    const auto found = own.find(name);
    if (done.count(name) || found == own.end() || expected.isnan().all().item<bool>()) continue;
    const auto known = at::isnan(expected).logical_not();
    const auto got = gradient_of(found->second);
    report.compare("grad.param." + name,
                   got.sizes() == expected.sizes() ? at::where(known, got, at::zeros_like(got)) : got,
                   at::where(known, expected, at::zeros_like(expected)), tolerance, scale);
  }
}

void compare_gradients(const Fixture& fixture, const Forecaster& model, const at::Tensor& x, FixtureReport& report) {
  const auto tolerance = fixture.tolerance("gradient_tolerance", kGradient);
  const auto expected = fixture.with_prefix("grad.param.");
  const auto own = model.state();
  double largest = 0;
  for (const auto& [name, tensor] : expected)
    if (tensor.numel() > 0) largest = std::max(largest, tensor.abs().max().item<double>());
  const auto scale = kSmallGradient * largest;

  auto weights = fixture.with_prefix("param.");
  for (auto& [name, tensor] : weights) tensor = at::full_like(tensor, NAN, tensor.options().dtype(at::kFloat));
  std::set<std::string> done;
  bool renamed = false;
  for (const auto& [name, gradient] : expected) {
    const auto found = own.find(name);
    if (found == own.end()) {
      renamed = true;
      weights[name] = gradient;
      continue;
    }
    done.insert(name);
    auto got = gradient_of(found->second);
    // Of long tables the reference's files keep the rows that are used.
    for (std::int64_t axis = 0; axis < got.dim() && got.dim() == gradient.dim(); ++axis)
      if (got.size(axis) > gradient.size(axis)) got = got.narrow(axis, 0, gradient.size(axis));
    report.compare("grad.param." + name, got, gradient, tolerance, scale);
  }
  if (renamed) compare_mapped(model.import_reference(weights), own, done, tolerance, scale, report);
  for (const auto& [name, gradient] : fixture.with_prefix("grad.in.")) {
    if (name == "x")
      report.compare("grad.in.x", gradient_of(x), gradient, tolerance);
    else
      report.not_compared.push_back("grad.in." + name);
  }
}

void run(const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
  const auto model = build_forecaster(fixture);
  auto in = input_of(fixture);
  const bool gradients = !fixture.with_prefix("grad.").empty();
  const at::AutoGradMode mode(gradients);
  in.x.requires_grad_(gradients);
  TensorMap trace;
  model->trace = &trace;
  const auto results = results_of(fixture, model->forward(in), trace);
  compare_outputs(fixture, results, report);
  if (!gradients) return;
  const auto loss = results.find(fixture.has("out.loss_total") ? "loss_total" : "loss_mse");
  check(loss != results.end(), fixture.path, ": gradients without in.y; expected the targets of the loss");
  loss->second.backward();
  compare_gradients(fixture, *model, in.x, report);
}

const RegisterFixtureCheck registered({
    [](const Fixture& fixture) { return has_forecaster(fixture) && !fixture.has("in.x.0"); },
    run,
});

}  // namespace
}  // namespace longwave
