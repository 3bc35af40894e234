#include "longwave/train/subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "longwave/base/check.h"
#include "longwave/data/sequence_summary.h"
#include "longwave/tasks/forecast.h"
#include "longwave/tasks/pretrain.h"
#include "longwave/tasks/sequence_model.h"
#include "longwave/tasks/sequence_task.h"
#include "longwave/tasks/synthetic_var.h"
#include "longwave/train/loaded_run.h"

namespace longwave {
namespace {

// --- forecasting ----------------------------------------------------------------------------------------------------

std::shared_ptr<const ForecastData> forecast_data(const Recipe& recipe, const RunOptions& options) {
  if (options.forecast_data) return options.forecast_data;
  const auto& t = recipe.task;
  return std::make_shared<const ForecastData>(load_forecast_data({.data = t.data,
                                                                  .features = t.features,
                                                                  .target = t.target,
                                                                  .freq = t.freq,
                                                                  .lookback = t.lookback,
                                                                  .horizon = t.horizon},
                                                                 data_roots(options.data)));
}

bool uses_calendar(const Module& model) { return dynamic_cast<const Forecaster&>(model).uses_calendar(); }

void check_channels(const Subject& subject, const LoadedRun& run) {
  const auto channels = forecast_sizes(subject.sizes).channels, trained = forecast_sizes(run.sizes).channels;
  check(channels == trained, subject.data, ": has ", channels, " series with task.features = \"",
        run.recipe.task.features, "\"; the run ", run.path.string(), " was trained on ", trained);
}

Subject forecast_subject(const Recipe& recipe, const RunOptions& options) {
  const bool extra = recipe.train.extra_losses;
  Subject subject;
  if (recipe.task.type == "synthetic-var") {
    const auto& t = recipe.task;
    const auto sizes = synthetic_var_sizes(t.lookback, t.label);
    subject.data = t.type;
    subject.sizes = sizes_json(sizes);
    subject.make_task = [=](const Module& model) {
      return make_synthetic_var_task(static_cast<std::uint64_t>(t.data_seed), t.train_series, t.val_series, sizes,
                                     {.with_calendar = uses_calendar(model), .extra_losses = extra});
    };
  } else {
    const auto data = forecast_data(recipe, options);
    const auto sizes = forecast_sizes(*data, recipe.task.label);
    subject.data = data->path.empty() ? data->name : data->path.string();
    subject.sizes = sizes_json(sizes);
    subject.make_task = [=](const Module& model) {
      return make_forecast_task(data, sizes, {.with_calendar = uses_calendar(model), .extra_losses = extra});
    };
  }
  subject.check_fits = [data = subject.data, sizes = subject.sizes](const LoadedRun& run) {
    check_channels({data, sizes, {}, {}, {}}, run);
  };
  return subject;
}

BuiltModel build_forecaster(const Recipe& recipe, const Json& sizes) {
  const auto model =
      find_forecaster(recipe.model)
          .make(forecast_sizes(sizes), recipe.model_config, static_cast<std::uint64_t>(recipe.train.seed));
  const auto& choice = recipe.train.random_channel_drop;
  return {model, &model->random, choice == "on" || (choice == "auto" && model->drops_channels())};
}

// --- sequences ------------------------------------------------------------------------------------------------------

/// With task.fresh, as many training samples as the steps of the run take.
Json data_config(const Recipe& recipe) {
  auto config = recipe.data;
  if (recipe.sequence.fresh)
    config["train_samples"] = recipe.train.steps * recipe.train.batch * recipe.train.accumulate;
  return config;
}

PretrainOptions pretrain_options(const SequenceTaskConfig& s) {
  return {.objective = s.objective,
          .mask_ratio = s.mask_ratio,
          .mask_span = s.mask_span,
          .loss = s.mask_loss,
          .bucket = s.bucket};
}

void check_causal(const Recipe& recipe, const Module& model) {
  auto& backbone = const_cast<SequenceModel&>(dynamic_cast<const SequenceModel&>(model)).backbone();
  const auto properties = backbone.properties();
  check(properties.causal, "causal pretraining: ", recipe.model, " is not causal (", properties.reason,
        "); expected a causal mixer, or masked pretraining");
}

/// How perplexity is measured must suit the model.
void check_evaluation(const Recipe& recipe, const Module& model) {
  const auto& mode = recipe.sequence.evaluation;
  auto& backbone = const_cast<SequenceModel&>(dynamic_cast<const SequenceModel&>(model)).backbone();
  const auto properties = backbone.properties();
  check(mode != "stream" || properties.streams,
        "task.evaluation is \"stream\"; expected segment, sliding or whole: ", recipe.model, " does not stream (",
        properties.reason, ")");
  const bool unbounded = mode == "stream" || mode == "whole";
  check(!unbounded || recipe.model_config.value("positions", "none") != "learned",
        "model.positions is \"learned\", for task.context positions; expected none or sinusoidal with task.evaluation ",
        mode);
}

/// Of adaptive inputs and outputs on a vocabulary that is not ordered by frequency; "" if nothing is to be said.
std::string cutoff_caution(const Recipe& recipe, const SequenceData& data) {
  const auto cutoffs = recipe.model_config.value("cutoffs", std::vector<std::int64_t>());
  if (data.facts().goal != SequenceGoal::language || cutoffs.empty()) return "";
  std::vector<std::int64_t> counts(static_cast<std::size_t>(data.facts().vocabulary));
  for (const auto token : data.stream(Split::train)) ++counts[static_cast<std::size_t>(token)];
  const auto in_front = [&](std::int64_t end) {
    return std::accumulate(counts.begin(), counts.begin() + std::min(end, std::ssize(counts)), std::int64_t{0});
  };
  const auto front = in_front(cutoffs.front());
  std::sort(counts.begin(), counts.end(), std::greater<>());
  const auto total = static_cast<double>(std::ssize(data.stream(Split::train)));
  const double mine = static_cast<double>(front) / total, best = static_cast<double>(in_front(cutoffs.front())) / total;
  constexpr double kOther = 0.02;  // counted over validation and test too
  if (mine >= best - kOther) return "";
  return fmt::format(
      "model.cutoffs are for a vocabulary ordered by falling frequency, which this one is not: its first {} tokens are "
      "{:.0f} % of the training text, the most frequent ones {:.0f} %",
      cutoffs.front(), 100 * mine, 100 * best);
}

/// A token must be the same to the model as in the data; sets that name no tokens are compared by size alone.
void check_vocabulary(const SequenceSizes& sizes, const SequenceSizes& trained, const LoadedRun& run) {
  const auto count = std::min(sizes.token_names.size(), trained.token_names.size());
  for (std::size_t id = 0; id < count; ++id)
    check(sizes.token_names[id] == trained.token_names[id], "token ", id, " of the data set ", run.recipe.task.data,
          " is '", sizes.token_names[id], "'; the run ", run.path.string(), " was trained with '",
          trained.token_names[id], "' there; expected the same vocabulary, so the same files and [data] settings");
}

std::shared_ptr<const SequenceData> open_sequences(const Recipe& recipe, const RunOptions& options) {
  if (options.sequence_data) return options.sequence_data;
  return find_sequence_data(recipe.task.data).make(data_config(recipe), {data_roots(options.data)});
}

Subject sequence_subject(const Recipe& recipe, const RunOptions& options) {
  const auto data = open_sequences(recipe, options);
  const auto s = recipe.sequence;
  const bool pretrains = s.objective != "task";
  auto sizes = pretrains ? pretrain_sizes(data->facts(), pretrain_options(s)) : sequence_sizes(data->facts());
  if (sizes.goal == SequenceGoal::language) sizes.max_length = s.context;
  Subject subject;
  subject.data = recipe.task.data;
  subject.sizes = sizes_json(sizes);
  const SequenceTaskOptions task_options{
      .bucket = s.bucket, .evaluation = s.evaluation, .context = s.context, .stride = s.stride};
  subject.make_task = [=](const Module& model) {
    if (s.objective == "causal") check_causal(recipe, model);
    if (!pretrains && sizes.goal == SequenceGoal::language) check_evaluation(recipe, model);
    return pretrains ? make_pretrain_task(data, pretrain_options(s)) : make_sequence_task(data, task_options);
  };
  subject.cautions = [=] {
    auto lines = sample_cautions(*data);
    if (const auto line = cutoff_caution(recipe, *data); !line.empty()) lines.push_back(line);
    return lines;
  };
  subject.check_fits = [sizes](const LoadedRun& run) {
    const auto trained = sequence_sizes_from_json(run.sizes);
    check(trained.goal == sizes.goal && trained.vocabulary == sizes.vocabulary && trained.channels == sizes.channels &&
              trained.classes == sizes.classes,
          "the data set ", run.recipe.task.data, " has ", sizes.vocabulary, " tokens, ", sizes.channels,
          " channels and ", sizes.classes, " classes; the run ", run.path.string(), " was trained on ",
          trained.vocabulary, ", ", trained.channels, " and ", trained.classes);
    check_vocabulary(sizes, trained, run);
  };
  return subject;
}

BuiltModel build_sequence_model(const Recipe& recipe, const Json& sizes) {
  const auto model = make_sequence_model(recipe.model, recipe.model_config, sequence_sizes_from_json(sizes),
                                         static_cast<std::uint64_t>(recipe.train.seed));
  return {model, &model->backbone().random, true};
}

}  // namespace

Subject open_subject(const Recipe& recipe, const RunOptions& options) {
  return recipe.is_sequence() ? sequence_subject(recipe, options) : forecast_subject(recipe, options);
}

void check_unseen(const Recipe& trained, const Recipe& scored, Split split, const RunOptions& options) {
  if (!scored.is_sequence() || split == Split::train || trained.data == scored.data) return;
  if (find_sequence_data(scored.task.data).layouts.empty()) return;
  const auto before = open_sequences(trained, options), now = open_sequences(scored, options);
  if (now->facts().goal == SequenceGoal::language) return;
  const auto share = [&](const SequenceData& data) {
    const auto count = std::max<std::int64_t>(1, data.samples(split));
    return static_cast<double>(shared_samples(*before, Split::train, data, split)) / static_cast<double>(count);
  };
  constexpr double kChance = 0.005;  // some sets have a few samples twice
  const double mine = share(*now);
  check(
      mine <= share(*before) + kChance, "with these [data] settings ", std::llround(100 * mine),
      " % of the samples to score are among those that the run was trained on; expected settings that leave its split ",
      "alone (the seed, shares and numbers of samples decide it)");
}

BuiltModel build_model(const Recipe& recipe, const Json& sizes) {
  return recipe.is_sequence() ? build_sequence_model(recipe, sizes) : build_forecaster(recipe, sizes);
}

}  // namespace longwave
