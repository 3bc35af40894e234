#include "longwave/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/base/interrupt.h"
#include "longwave/train/parameter_groups.h"

namespace longwave {
namespace {

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

bool has_bad_value(const at::Tensor& x) { return !at::isfinite(x).all().item<bool>(); }

/// Not the number itself: its sign means nothing for a NaN.
const char* bad_value(const at::Tensor& x) { return at::isnan(x).any().item<bool>() ? "nan" : "infinity"; }

Json stream_json(const RandomStream& stream) { return {stream.seed, stream.count}; }
void restore_stream(RandomStream& stream, const Json& json) {
  stream = {json.at(0).get<std::uint64_t>(), json.at(1).get<std::uint64_t>()};
}

// Purposes of the streams that come from train.seed; 1 is the model's own.
enum Purpose : std::uint64_t { kLoader = 2, kAugment = 3 };

}  // namespace

Trainer::Trainer(Module& model, RandomStream& model_random, const Task& task, const TrainConfig& config, bool augments,
                 Hooks hooks, bool keep_last)
    : model_(model),
      model_random_(model_random),
      task_(task),
      config_(config),
      augments_(augments),
      hooks_(std::move(hooks)),
      keep_last_(keep_last),
      loader_random_(RandomStream{static_cast<std::uint64_t>(config.seed), 0}.split(kLoader)),
      augment_random_(RandomStream{static_cast<std::uint64_t>(config.seed), 0}.split(kAugment)),
      loader_(task, Split::train, config.batch, loader_random_, config.round_steps() * config.accumulate),
      optimizer_(model, {.beta2 = config.beta2, .epsilon = config.epsilon, .weight_decay = config.weight_decay},
                 treatments(model, config)),
      average_(model, config.average),
      schedule_(config, (loader_.batches() + config.accumulate - 1) / config.accumulate),
      begin_(Clock::now()),
      last_save_(begin_) {}

double Trainer::elapsed() const { return earlier_seconds_ + seconds_since(begin_); }

bool Trainer::out_of_time() const { return config_.max_minutes > 0 && elapsed() >= 60 * config_.max_minutes; }

bool Trainer::exhausted() const { return config_.patience > 0 && bad_epochs_ >= config_.patience; }

std::int64_t Trainer::epochs() const {
  const auto round = config_.round_steps();
  return round > 0 ? (config_.steps + round - 1) / round : config_.epochs;
}

/// The last round of a run counted in steps may be shorter.
std::int64_t Trainer::batches_of_epoch() const {
  if (config_.steps == 0) return loader_.batches();
  return std::min(config_.round_steps(), config_.steps - epoch_ * config_.round_steps()) * config_.accumulate;
}

void Trainer::run(RunResult& result) {
  const InterruptGuard guard;
  model_.train();
  result.stopped = "finished";
  while (epoch_ < epochs() && !exhausted()) {
    const auto ending = train_epoch();
    if (ending == Ending::interrupted) {
      save(false);
      throw Interrupted(fmt::format("interrupted in epoch {} after step {}", epoch_ + 1, step_));
    }
    try {
      finish_epoch();
    } catch (const Interrupted&) {
      save(false);  // the place behind the last step; a resumed run goes on from there
      throw Interrupted(fmt::format("interrupted in the evaluation after step {}", step_));
    }
    if (InterruptGuard::requested()) throw Interrupted(fmt::format("interrupted after epoch {}", epoch_));
    const bool goes_on = epoch_ < epochs() && !exhausted();  // one more step would be validated anew
    if (ending == Ending::capped || (goes_on && out_of_time())) {
      result.capped = true;
      break;
    }
  }
  if (result.capped)
    result.stopped = "time cap";
  else if (epoch_ < epochs())
    result.stopped = "early stop";
  if (!best_.empty()) model_.load(best_, "best weights");
  result.epochs = static_cast<std::int64_t>(history_.size());
  result.best_epoch = best_epoch_;
  result.steps = step_;
  result.history = history_;
  result.tokens = tokens_;
  result.seconds_per_step = step_time().first;
  result.train_seconds = elapsed();
}

Trainer::Ending Trainer::train_epoch() {
  loader_.start(epoch_, batch_);
  auto ending = Ending::none;
  while (ending == Ending::none && batch_ < batches_of_epoch()) {
    const auto start = Clock::now();
    auto* batch = loader_.next();
    if (!batch) break;
    if (batch_ % config_.accumulate == 0) optimizer_.zero_grad(), terms_ = 0;
    const auto loss = train_batch(*batch);
    ++batch_;
    const bool group_done = batch_ % config_.accumulate == 0 || batch_ == batches_of_epoch();
    if (group_done) optimizer_step();
    pending_seconds_ += seconds_since(start);
    epoch_seconds_ += seconds_since(start);
    if (hooks_.step) hooks_.step(epoch_, batch_, loss);
    if (group_done) ending = after_step();
  }
  return ending;
}

double Trainer::train_batch(Batch& batch) {
  if (augments_) task_.augment(batch, augment_random_);
  const auto loss = task_.loss(model_, batch);
  check_finite(loss, batch);
  const auto terms = loss.terms > 0 ? loss.terms : static_cast<double>(batch.size);
  // Of several batches the sum, which the optimiser's step divides by the terms of all: that of one large batch.
  (config_.accumulate == 1 ? loss.total : loss.total * terms).backward();
  terms_ += terms;
  const auto value = loss.total.item<double>();
  sums_["loss"] += value * terms;
  for (const auto& [name, part] : loss.parts) sums_[name] += part.item<double>() * terms;
  recent_loss_ = step_ == 0 ? value : recent_loss_ + 0.02 * (value - recent_loss_);
  sum_terms_ += terms;
  tokens_ += static_cast<double>(batch.steps);
  return value;
}

void Trainer::check_finite(const Loss& loss, const Batch& batch) const {
  if (std::isfinite(loss.total.item<double>())) return;
  for (const auto& [name, tensor] : batch.tensors)  // bad data is no divergence
    check(!has_bad_value(tensor), "epoch ", epoch_ + 1, ", step ", step_ + 1, ": ", name == "y" ? "target " : "input ",
          name, " of the batch has ", bad_value(tensor), "; look at the data", kept());
  fail(kDiverged, "epoch ", epoch_ + 1, ", step ", step_ + 1, ": ", first_bad_tensor(loss), kept());
}

/// In the order of the computation: the weights, what came out.
std::string Trainer::first_bad_tensor(const Loss& loss) const {
  for (const auto& [name, tensor] : model_.state())
    if (has_bad_value(tensor))
      return fmt::format("{} of the model has {}; try a smaller train.learning_rate", name, bad_value(tensor));
  for (const auto& [name, part] : loss.parts)
    if (has_bad_value(part))
      return fmt::format("the training loss '{}' is {}; try a smaller train.learning_rate or train.clip", name,
                         bad_value(part));
  return fmt::format("the sum of the training losses is {}; try a smaller train.learning_rate", bad_value(loss.total));
}

const char* Trainer::kept() const { return saved_ ? "; the last checkpoint is kept" : ""; }

void Trainer::optimizer_step() {
  const double share = config_.accumulate == 1 ? 1 : 1 / terms_, norm = share * optimizer_.gradient_norm();
  if (!std::isfinite(norm))
    fail(kDiverged, "epoch ", epoch_ + 1, ", step ", step_ + 1, ": the gradient of ", optimizer_.first_bad_gradient(),
         " is not finite; try a smaller train.learning_rate", kept());
  const double scale = config_.clip > 0 ? std::min(1.0, config_.clip / (norm + 1e-6)) : 1.0;
  const auto size = schedule_.at(step_);
  optimizer_.step(size.learning_rate, size.beta1, share * scale);
  average_.add(++step_);
  if (!hooks_.log) return;
  say_if_stuck();
  if (step_ % config_.log_steps != 0) return;
  Json entry = {{"kind", "step"},
                {"step", step_},
                {"epoch", epoch_ + 1},
                {"learning_rate", size.learning_rate},
                {"gradient_norm", norm}};
  for (const auto& [name, value] : epoch_means()) entry["train"][name] = value;
  hooks_.log(entry);
}

/// From which step on a run is looked at; 0: never. Earlier the running mean of the loss is still that of the start.
std::int64_t Trainer::first_look() const {
  constexpr std::int64_t kEarliest = 100;
  const auto of_epoch = (loader_.batches() + config_.accumulate - 1) / config_.accumulate;
  const auto steps = config_.steps > 0 ? config_.steps : config_.epochs * of_epoch;
  const bool as_it_comes = config_.stuck_steps == TrainConfig().stuck_steps;
  return as_it_comes && steps < config_.stuck_steps ? std::max(kEarliest, steps / 5) : config_.stuck_steps;
}

/// A model that has learnt nothing but how frequent the classes are stays at the same loss for thousands of steps. Told
/// once, at the first look or with a later entry.
void Trainer::say_if_stuck() {
  const auto first = first_look();
  if (told_stuck_ || first == 0 || step_ < first || (step_ != first && step_ % config_.log_steps != 0)) return;
  if (!chance_) chance_ = task_.chance_loss();
  if (!(*chance_ > 0 && recent_loss_ > 0.98 * *chance_)) return;
  told_stuck_ = true;
  hooks_.log(
      {{"kind", "note"},
       {"step", step_},
       {"text",
        fmt::format(
            "step {}: the training loss is {:.4f}, guessing among the classes gives {:.4f}. "
            "Known remedies: a warm-up (train.warmup_steps), another train.learning_rate, mostly a smaller one, a "
            "smaller one for state-space parameters (train.state_learning_rate), another range of dt (model.mixer), "
            "self-pretraining (train.protocol), patience on Pathfinder",
            step_, recent_loss_, *chance_)}});
}

/// Median time of an optimiser step, and the number of steps it is of. The medians of several processes are weighted by
/// their steps.
std::pair<double, std::int64_t> Trainer::step_time() const {
  auto times = step_seconds_;
  const auto count = std::ssize(times);
  double median = 0;
  if (count > 0) {
    const auto middle = times.begin() + count / 2;
    std::nth_element(times.begin(), middle, times.end());
    median = *middle;
  }
  const auto all = earlier_steps_ + count;
  const auto sum = earlier_step_seconds_ * static_cast<double>(earlier_steps_) + median * static_cast<double>(count);
  return {all > 0 ? sum / static_cast<double>(all) : 0, all};
}

Trainer::Ending Trainer::after_step() {
  step_seconds_.push_back(pending_seconds_);
  pending_seconds_ = 0;
  if (InterruptGuard::requested()) return Ending::interrupted;
  if (out_of_time()) return Ending::capped;
  if (hooks_.should_stop && hooks_.should_stop()) return Ending::capped;
  const bool by_steps = config_.checkpoint_steps > 0 && step_ - saved_step_ >= config_.checkpoint_steps;
  const bool by_time = config_.checkpoint_seconds > 0 && seconds_since(last_save_) >= config_.checkpoint_seconds;
  if (by_steps || by_time) save(false);
  return Ending::none;
}

Scores Trainer::epoch_means() const {
  Scores means;
  for (const auto& [name, sum] : sums_) means[name] = sum / sum_terms_;
  return means;
}

/// With the averaged weights, if there are any. Returns whether they are the best so far, which then are kept.
bool Trainer::score_epoch(EpochRecord& record) {
  const WeightAverage::InPlace averaged(average_);
  const EvaluateOptions options{.batch = config_.eval_batch};
  const bool validates = task_.samples(Split::val) > 0;  // else the last weights are kept
  if (validates) record.val = task_.evaluate(model_, Split::val, options);
  if (config_.test_every_epoch && task_.samples(Split::test) > 0)
    record.test = task_.evaluate(model_, Split::test, options);
  const auto selection = task_.selection();
  const auto cost = validates ? selection.cost(record.val) : 0;
  const auto check_score = [&](const std::string& name, double value) {
    check(std::isfinite(value), kDiverged, "epoch ", epoch_ + 1, ": the validation ", name, " is ",
          std::isnan(value) ? "nan" : "infinite", "; try a smaller train.learning_rate", kept());
  };
  check_score(selection.score, cost);
  for (const auto& [name, value] : record.val) check_score(name, value);  // NaN weights have an accuracy, but no loss
  const bool better = keep_last_ || best_.empty() || cost <= best_cost_;
  if (better) {
    best_cost_ = cost;
    best_epoch_ = record.epoch;
    best_ = copy_of(model_.state());
  }
  bad_epochs_ = better ? 0 : bad_epochs_ + 1;
  if (validates) schedule_.report(cost);
  return better;
}

void Trainer::finish_epoch() {
  EpochRecord record{.epoch = epoch_ + 1,
                     .step = step_,
                     .learning_rate = schedule_.at(step_ - 1).learning_rate,
                     .train = epoch_means(),
                     .val = {},
                     .test = {},
                     .seconds = epoch_seconds_};
  const bool better = score_epoch(record);
  history_.push_back(record);
  ++epoch_;
  batch_ = 0;
  sums_.clear();
  sum_terms_ = epoch_seconds_ = 0;
  if (hooks_.log) hooks_.log(epoch_json(record));
  save(better);
}

void Trainer::save(bool best_changed) {
  if (hooks_.save) {
    hooks_.save(checkpoint(), best_changed);
    saved_ = true;
  }
  last_save_ = Clock::now();
  saved_step_ = step_;
}

Checkpoint Trainer::checkpoint() const {
  Json history = Json::array();
  for (const auto& record : history_) history.push_back(epoch_json(record));
  const auto [per_step, timed_steps] = step_time();
  const Json state = {{"epoch", epoch_},
                      {"batch", batch_},
                      {"step", step_},
                      {"best_epoch", best_epoch_},
                      {"bad_epochs", bad_epochs_},
                      {"best_cost", best_cost_},
                      {"seconds", elapsed()},
                      {"epoch_seconds", epoch_seconds_},
                      {"seconds_per_step", per_step},
                      {"timed_steps", timed_steps},
                      {"sums", sums_},
                      {"samples", sum_terms_},  // named so in earlier checkpoints
                      {"tokens", tokens_},
                      {"recent_loss", recent_loss_},
                      {"told_stuck", told_stuck_},
                      {"history", history},
                      {"schedule", schedule_.state()},
                      {"optimizer_steps", optimizer_.steps()},
                      {"round_steps", config_.round_steps()},
                      {"train_samples", task_.samples(Split::train)},
                      {"streams",
                       {{"model", stream_json(model_random_)},
                        {"loader", stream_json(loader_random_)},
                        {"augment", stream_json(augment_random_)}}}};
  return {{}, state, model_.state(), optimizer_.state(), best_, average_.state()};
}

void Trainer::restore(const Checkpoint& saved, const std::string& where) {
  model_.load(saved.model, where);
  average_.load(saved.average, where);
  try {
    const auto& state = saved.state;
    // What `epoch` and `batch` count: with others the run would go on at another place of the data.
    const auto same = [&](const char* key, std::int64_t now, const char* what) {
      const auto before = state.at(key).get<std::int64_t>();
      check(before == now, where, ": the run had ", before, " ", what, ", this recipe gives ", now,
            "; expected the same train.steps, train.eval_steps and data as before");
    };
    same("round_steps", config_.round_steps(), "steps between validations (0: epochs)");
    same("train_samples", task_.samples(Split::train), "training samples");
    optimizer_.load(saved.optimizer, state.at("optimizer_steps"), where);
    epoch_ = state.at("epoch").get<std::int64_t>();
    batch_ = state.at("batch").get<std::int64_t>();
    step_ = saved_step_ = state.at("step").get<std::int64_t>();
    best_epoch_ = state.at("best_epoch").get<std::int64_t>();
    bad_epochs_ = state.at("bad_epochs").get<std::int64_t>();
    best_cost_ = state.at("best_cost").get<double>();
    earlier_seconds_ = state.at("seconds").get<double>();
    epoch_seconds_ = state.at("epoch_seconds").get<double>();
    earlier_step_seconds_ = state.at("seconds_per_step").get<double>();
    earlier_steps_ = state.at("timed_steps").get<std::int64_t>();
    sums_ = state.at("sums").get<std::map<std::string, double>>();
    sum_terms_ = state.at("samples").get<double>();
    tokens_ = state.at("tokens").get<double>();
    recent_loss_ = state.at("recent_loss").get<double>();
    told_stuck_ = state.value("told_stuck", false);
    for (const auto& record : state.at("history")) history_.push_back(epoch_from_json(record));
    schedule_.load(state.at("schedule"));
    restore_stream(model_random_, state.at("streams").at("model"));
    restore_stream(loader_random_, state.at("streams").at("loader"));
    restore_stream(augment_random_, state.at("streams").at("augment"));
  } catch (const Json::exception& error) {
    fail(where, ": damaged: its state is not complete (", error.what(), ")");
  }
  best_ = saved.best;
  saved_ = true;
}

Json epoch_json(const EpochRecord& record) {
  Json json = {{"kind", "epoch"},       {"epoch", record.epoch},
               {"step", record.step},   {"learning_rate", record.learning_rate},
               {"train", record.train}, {"val", record.val}};
  if (!record.test.empty()) json["test"] = record.test;
  json["seconds"] = record.seconds;
  return json;
}

EpochRecord epoch_from_json(const Json& json) {
  EpochRecord record{.epoch = json.at("epoch").get<std::int64_t>(),
                     .step = json.at("step").get<std::int64_t>(),
                     .learning_rate = json.at("learning_rate").get<double>(),
                     .train = json.at("train").get<Scores>(),
                     .val = json.at("val").get<Scores>(),
                     .test = {},
                     .seconds = json.at("seconds").get<double>()};
  if (json.contains("test")) record.test = json.at("test").get<Scores>();
  return record;
}

}  // namespace longwave
