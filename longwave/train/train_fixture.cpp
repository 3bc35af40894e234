// Fixtures of the trainer: the one-cycle schedule, and optimiser steps of a forecaster.

#include <ATen/ops/tensor.h>

#include <cmath>
#include <regex>

#include "longwave/base/check.h"
#include "longwave/models/forecast_fixture.h"
#include "longwave/train/optimizer.h"
#include "longwave/train/schedule.h"

namespace longwave {
namespace {

constexpr double kSchedule = 1e-9;     // both sides compute in double
constexpr double kLosses = 1e-4;       // relative
constexpr double kParameters = 1e-4;   // absolute, after several steps
constexpr double kClipEpsilon = 1e-6;  // clipping scales by min(1, clip / (norm + this))

void run_schedule(const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
  for (const auto& [name, settings] : fixture.with_prefix("in.")) {
    check(settings.numel() == 6, fixture.path, ": in.", name, " has ", settings.numel(), " numbers; expected 6");
    const auto value = [s = settings.to(at::kDouble)](int i) { return s[i].item<double>(); };
    TrainConfig config;
    config.warmup_fraction = value(2);
    config.learning_rate = value(3);
    config.initial_division = value(4);
    config.final_division = value(5);
    const auto total = std::llround(value(0) * value(1));
    for (const bool rate : {true, false}) {
      const auto key = "out." + name + (rate ? ".lr" : ".beta1");
      if (!fixture.has(key)) continue;
      const auto expected = fixture.tensor(key);
      std::vector<double> got;
      for (std::int64_t step = 0; step < expected.numel(); ++step) {
        const auto size = one_cycle(step, total, config);
        got.push_back(rate ? size.learning_rate : size.beta1);
      }
      report.compare(key, at::tensor(got, at::kDouble), expected, kSchedule);
    }
  }
}

/// The number after or before some words of the fixture's note ("max_lr 6e-4", "20 total steps"), else `fallback`.
double from_note(const Fixture& fixture, const std::string& pattern, double fallback) {
  std::smatch match;
  const auto note = fixture.metadata("note");
  return std::regex_search(note, match, std::regex(pattern)) ? std::stod(match[1]) : fallback;
}

struct StepRecords {
  std::vector<double> lr, beta1, gnorm, mse, next;
};

void compare_records(const Fixture& fixture, const StepRecords& records, FixtureReport& report) {
  const auto compare = [&](const char* name, const std::vector<double>& got, double tolerance) {
    const auto key = std::string("out.") + name;
    if (fixture.has(key)) report.compare(key, at::tensor(got, at::kDouble), fixture.tensor(key), tolerance);
  };
  compare("lr", records.lr, kSchedule);
  compare("beta1", records.beta1, kSchedule);
  compare("gnorm", records.gnorm, kLosses);
  compare("mse", records.mse, kLosses);
  compare("next", records.next, kLosses);
}

void compare_weights(const Fixture& fixture, const Forecaster& model, std::int64_t step, FixtureReport& report) {
  const auto prefix = "out.step" + std::to_string(step) + ".";
  const auto expected = fixture.with_prefix(prefix);
  if (expected.empty()) return;
  const auto own = model.state();
  for (const auto& [name, tensor] : model.import_reference(expected)) {
    const auto found = own.find(name);
    if (found == own.end())
      report.not_compared.push_back(prefix + name);
    else
      report.compare_absolute(prefix + name, found->second, tensor, kParameters);
  }
}

TrainConfig config_of(const Fixture& fixture) {
  const std::string number = "([0-9.]+(?:e[-+]?[0-9]+)?)";
  TrainConfig config;
  config.learning_rate = from_note(fixture, "max_lr " + number, 6e-4);
  config.warmup_fraction = from_note(fixture, "pct_start " + number, 0.25);
  config.initial_division = from_note(fixture, "[, ]div " + number, 10);
  config.final_division = from_note(fixture, "final div " + number, 1e4);
  config.weight_decay = from_note(fixture, "weight decay " + number, 0.1);
  config.beta2 = from_note(fixture, "betas \\([0-9.]+,\\s*" + number, 0.95);
  config.clip = from_note(fixture, "clip global norm " + number, 1);
  return config;
}

void run_steps(const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
  const auto model = build_forecaster(fixture);
  const auto config = config_of(fixture);
  const auto total = static_cast<std::int64_t>(from_note(fixture, "([0-9]+) total steps", 20));
  AdamW optimizer(*model, {.beta2 = config.beta2, .epsilon = config.epsilon, .weight_decay = config.weight_decay});
  StepRecords records;
  for (std::int64_t step = 0; fixture.has("in.x." + std::to_string(step)); ++step) {
    ForecastInput in;
    in.x = fixture.tensor("in.x." + std::to_string(step));
    in.with_losses = true;
    optimizer.zero_grad();
    const auto out = model->forward(in);
    const auto mse = forecast_mse(out.forecast, fixture.tensor("in.y." + std::to_string(step)));
    auto loss = mse;
    double extra = 0;
    for (const auto& [name, value] : out.extra_losses) {
      loss = loss + value;
      extra += value.item<double>();
    }
    loss.backward();
    const auto size = one_cycle(step, total, config);
    const auto norm = optimizer.gradient_norm();
    optimizer.step(size.learning_rate, size.beta1, std::min(1.0, config.clip / (norm + kClipEpsilon)));
    records.lr.push_back(size.learning_rate);
    records.beta1.push_back(size.beta1);
    records.gnorm.push_back(norm);
    records.mse.push_back(mse.item<double>());
    records.next.push_back(extra);
    compare_weights(fixture, *model, step + 1, report);
  }
  compare_records(fixture, records, report);
}

const RegisterFixtureCheck schedule({[](const Fixture& f) { return f.system_id == "onecycle_schedule"; },
                                     run_schedule});
const RegisterFixtureCheck steps({[](const Fixture& f) { return has_forecaster(f) && f.has("in.x.0"); }, run_steps});

}  // namespace
}  // namespace longwave
