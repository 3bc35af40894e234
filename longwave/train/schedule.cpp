#include "longwave/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace longwave {
namespace {

double between_points(double from, double to, double share) { return from + (to - from) * share; }

}  // namespace

StepSize one_cycle(std::int64_t step, std::int64_t total, const TrainConfig& config) {
  const double t = static_cast<double>(std::min(step, total - 1)), last = static_cast<double>(total) - 1;
  const double peak = config.warmup_fraction * static_cast<double>(total) - 1;
  const double first_rate = config.learning_rate / config.initial_division;
  const double last_rate = first_rate / config.final_division;
  const double high = 0.95, low = 0.85;
  const bool rising = t <= peak;
  const double share = rising ? (peak > 0 ? t / peak : 1) : (t - peak) / (last - peak);
  const double rate = rising ? between_points(first_rate, config.learning_rate, share)
                             : between_points(config.learning_rate, last_rate, share);
  if (!config.cycle_momentum) return {rate, config.beta1};
  return {rate, rising ? between_points(high, low, share) : between_points(low, high, share)};
}

StepSize Schedule::at(std::int64_t step) const {
  // One epoch (one step) more than planned, so that the last one still learns.
  const auto cycle = config_.steps > 0 ? config_.steps + 1 : (config_.epochs + 1) * per_epoch_;
  if (config_.schedule == "onecycle") return one_cycle(step, cycle, config_);
  const double t = static_cast<double>(step);
  if (t < warmup()) return {config_.learning_rate * t / warmup(), config_.beta1};
  return {rate(t), config_.beta1};
}

/// Steps of the rise.
double Schedule::warmup() const {
  return config_.warmup_epochs * static_cast<double>(per_epoch_) + static_cast<double>(config_.warmup_steps);
}

double Schedule::rate(double step) const {
  const double top = config_.learning_rate, low = config_.min_learning_rate;
  const double end = static_cast<double>(config_.steps > 0 ? config_.steps : config_.epochs * per_epoch_);
  const double share = end > warmup() ? std::min(1.0, (step - warmup()) / (end - warmup())) : 1;
  if (config_.schedule == "cosine") return low + (top - low) * 0.5 * (1 + std::cos(std::numbers::pi * share));
  if (config_.schedule == "linear") return between_points(top, 0, share);
  if (config_.schedule == "inverse_sqrt") return top * std::sqrt(std::max(1.0, warmup()) / std::max(1.0, step));
  if (config_.schedule == "plateau") return std::max(low, top * plateau_scale_);
  return top;
}

void Schedule::report(double score) {
  if (plateau_bad_ < 0 || score <= plateau_best_) {
    plateau_best_ = score;
    plateau_bad_ = 0;
  } else if (++plateau_bad_ > config_.plateau_patience) {
    plateau_scale_ *= config_.plateau_factor;
    plateau_bad_ = 0;
  }
}

Json Schedule::state() const { return {{"scale", plateau_scale_}, {"best", plateau_best_}, {"bad", plateau_bad_}}; }

void Schedule::load(const Json& state) {
  plateau_scale_ = state.at("scale").get<double>();
  plateau_best_ = state.at("best").get<double>();
  plateau_bad_ = state.at("bad").get<std::int64_t>();
}

}  // namespace longwave
