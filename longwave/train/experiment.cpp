#include "longwave/train/experiment.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/base/interrupt.h"
#include "longwave/base/memory.h"
#include "longwave/base/progress.h"
#include "longwave/tasks/metrics.h"
#include "longwave/tasks/pretrain.h"
#include "longwave/train/data_variant.h"
#include "longwave/train/flop_budget.h"
#include "longwave/train/help_checklist.h"
#include "longwave/train/idle_settings.h"
#include "longwave/train/loaded_run.h"
#include "longwave/train/model_cost.h"
#include "longwave/train/parameter_groups.h"
#include "longwave/train/resampled.h"
#include "longwave/train/run_directory.h"
#include "longwave/train/subject.h"
#include "longwave/train/trainer.h"

namespace longwave {
namespace {

/// Scores in one line, without those of parts.
std::string scores_text(const Scores& scores) {
  std::vector<std::string> texts;
  for (const auto& name : names_to_print(scores))
    if (name.find('@') == std::string::npos) texts.push_back(score_text(name, scores));
  return join(texts, "  ");
}

/// Fields of [train] that say what a position in the epoch means or what is trained; the others may differ between the
/// processes of a run (more epochs, a longer cap).
const std::vector<std::string> kFixedTraining{"batch",        "accumulate", "seed",     "random_channel_drop",
                                              "extra_losses", "eval_steps", "protocol", "start_from",
                                              "average"};

/// UserError if there is no such score.
void check_metric(const std::string& metric, const Scores& scores) {
  std::vector<std::string> names;
  for (const auto& [name, value] : scores) names.push_back(name);
  check(scores.contains(metric), "pass.metric: this task has no score '", metric, "'", suggestion(metric, names));
}

/// A checkpoint fits if it is of the same task and model and the fixed settings of training are the same.
void check_same_recipe(const Json& saved, const Json& wanted, const std::string& where) {
  for (const auto& [section, settings] : wanted.items())
    for (const auto& [key, value] : settings.items()) {
      const bool free = std::find(kFixedTraining.begin(), kFixedTraining.end(), key) == kFixedTraining.end();
      if (section == "pass" || section == "resampled" || ((section == "train" || section == "pretrain") && free))
        continue;
      const auto before = saved.contains(section) ? saved[section].value(key, Json()) : Json();
      check(before == value, where, ": is from another run: ", section, ".", key, " was ", before.dump(),
            ", the recipe says ", value.dump());
    }
}

/// One call of run_experiment: its parts and where their reports go.
class Experiment {
 public:
  Experiment(const Recipe& recipe, const RunOptions& options)
      : recipe_(with_affordable_steps(recipe, options)), json_(recipe_json(recipe_)), options_(options) {
    if (recipe.train.threads > 0) at::set_num_threads(static_cast<int>(recipe.train.threads));
    subject_ = open_subject(recipe_, options);
    model_ = build_model(recipe_, subject_.sizes);
    result_.model = model_.module;
    result_.task = subject_.make_task(*result_.model);
    result_.about = about_of(recipe_, *result_.task);
    add_model_facts();
    result_.parameters = result_.model->parameter_count();
    check(result_.parameters == 0 || result_.task->samples(Split::train) > 0, subject_.data,
          ": nothing to train on; expected data.train_samples above 0 and a training text that is not empty");
    if (recipe.pretrain) check_first_phase();
    if (options.strict) check_settings();
    if (options.strict && recipe_.resampled) check_resampled(recipe_, options, subject_.sizes);
    if (!recipe.train.start_from.empty()) start_from(recipe.train.start_from);
    // Only now: a mistake in the recipe or the data must not cost a finished run, nor leave an empty folder.
    if (!options.run.empty()) directory_.emplace(options.run, options.resume, options.overwrite);
    if (options.progress) progress_.emplace(stderr);
    if (result_.about.contains("start")) note(result_.about["start"]);
    if (recipe_.train.flops > 0) note(fmt::format("train.flops: {} steps", recipe_.train.steps));
    if (options.cautions && treats_no_states(*result_.model, recipe_.train))
      note("caution: train.state_learning_rate and state_weight_decay have no effect on " + recipe_.model);
    if (progress_ && options.cautions && subject_.cautions)
      for (const auto& line : subject_.cautions()) note("caution: " + line);
  }

  RunResult run() {
    reset_peak_memory();
    if (recipe_.pretrain) {
      if (directory_) directory_->write_start(json_, options_.data);  // what --resume needs in the first phase too
      pretrain();
    }
    if (result_.parameters > 0)
      train();
    else
      begin_directory(0, 0), result_.stopped = "no parameters";
    conclude();
    return std::move(result_);
  }

 private:
  using SaveHook = decltype(Trainer::Hooks::save);

  /// Trained weights in the place of fresh ones, charged with what they cost as far as that is known.
  void start_from(const std::filesystem::path& run) {
    const auto before = load_run(run);
    const auto start = start_weights(before, *result_.model, subject_.sizes);
    result_.model->load(start.weights, run.string());
    result_.about["start"] = start.text();
    const auto total = total_of_run(run);
    if (recipe_.is_sequence() && !total.is_null()) result_.about["pretraining"] = total;
  }

  /// UserError for settings without effect. Those of a phase of pretraining are of the task behind it.
  void check_settings() const {
    if (!recipe_.is_sequence() || recipe_.sequence.objective != "task") return;
    const auto idle = idle_settings(recipe_, sequence_sizes_from_json(subject_.sizes).goal);
    if (!idle.empty()) fail(idle.begin()->second);
  }

  /// UserError where the first phase could not be run.
  void check_first_phase() const {
    const auto phase = pretrain_recipe(recipe_);
    const auto subject = open_subject(phase, options_);
    const auto task = subject.make_task(*build_model(phase, subject.sizes).module);
    check(task->samples(Split::train) > 0, subject.data, ": nothing to pretrain on; expected a training split");
  }

  /// The first phase, a run of its own in the folder "pretrain"; its backbone is where this one starts.
  void pretrain() {
    note(recipe_.train.protocol + " pretraining");
    const auto threads = at::get_num_threads();
    auto options = options_;
    if (!options.run.empty()) options.run /= "pretrain";
    options.score = options.keep_last = options.cautions = false;
    const auto phase = pretrain_recipe(recipe_);
    const auto file = options.run / "result.json";
    TensorMap weights;
    if (options_.resume && !options.run.empty() && std::filesystem::exists(file)) {
      const auto before = load_run(options.run);
      check_same_recipe(recipe_json(before.recipe), recipe_json(phase), options.run.string());
      weights = before.model->state();
      result_.about["pretraining"] = Json::parse(read_file(file)).at("about").at("total");
    } else {
      const auto before = run_experiment(phase, options);
      weights = before.model->state();
      result_.about["pretraining"] = before.about.at("total");
    }
    at::set_num_threads(threads);  // as if the first phase, which may have others, had ended before a resumed run
    result_.model->load(transferred(weights, result_.model->state()), "pretrained weights");
    note("training of the task");
  }

  /// What comes behind the training, whose checkpoint is saved: the result is written whole, or not at all where the
  /// user asks to stop before.
  void conclude() {
    const InterruptGuard guard;
    try {
      score();
      InterruptGuard::stop_if_requested();
      result_.peak_memory_bytes = peak_memory_bytes();
      add_cost();
      add_baselines();
      judge();
      InterruptGuard::stop_if_requested();
    } catch (const Interrupted&) {
      throw Interrupted(fmt::format("interrupted in the last scoring, after step {}", result_.steps));
    }
    finish();
  }

  void begin_directory(std::int64_t step, std::int64_t epochs) {
    if (!directory_) return;
    directory_->write_start(json_, options_.data);
    directory_->open_metrics(step, epochs);
  }

  void train() {
    Trainer trainer(*model_.module, *model_.random, *result_.task, recipe_.train, model_.augments, hooks(),
                    options_.keep_last);
    if (directory_ && options_.resume && std::filesystem::exists(directory_->last())) {
      const auto where = directory_->last().string();
      const auto saved = read_checkpoint(where);
      check_same_recipe(recipe_json(recipe_from_json(saved.recipe, where)), json_, where);
      check(saved.content.empty() || saved.content == content(), where, ": the data of ", subject_.data,
            " are not those that the run began with (their hash was ", saved.content.substr(0, 12), ", is ",
            content().substr(0, 12), "); expected the same files, or a new run");
      trainer.restore(saved, where);
      note(fmt::format("resumed at step {}", trainer.step()));
    }
    begin_directory(trainer.step(), trainer.finished_epochs());
    batches_ = trainer.batches_per_epoch();
    epochs_ = trainer.epochs();
    trainer.run(result_);
  }

  /// Hash of the data set; empty where there are no files.
  std::string content() const { return result_.about.value("content", ""); }

  Trainer::Hooks hooks() {
    return {.log = [this](const Json& entry) { log(entry); },
            .save = directory_ ? [this](const Checkpoint& c, bool best_changed) { save(c, best_changed); } : SaveHook(),
            .step = [this](std::int64_t epoch, std::int64_t batch, double loss) { show(epoch, batch, loss); },
            .should_stop = options_.should_stop};
  }

  void save(Checkpoint checkpoint, bool best_changed) {
    checkpoint.recipe = json_;
    checkpoint.content = content();
    if (best_changed) write_best(checkpoint.best);
    write_checkpoint(directory_->last(), checkpoint);
  }

  void write_best(const TensorMap& weights) {
    write_weights(directory_->best(), {weights, json_, subject_.sizes, content()});
  }

  void show(std::int64_t epoch, std::int64_t batch, double loss) {
    if (!progress_) return;
    progress_->update(fmt::format("epoch {}/{}", epoch + 1, epochs_), batch, batches_,
                      fmt::format("loss {:.5f}", loss));
  }

  void log(const Json& entry) {
    if (directory_) directory_->log(entry);
    if (options_.log) options_.log(entry);
    if (entry.at("kind") == "note") note(entry.at("text").get<std::string>());
    if (entry.at("kind") != "epoch") return;
    const auto record = epoch_from_json(entry);
    // Not only after the last epoch; scores of parts ("accuracy@64") come with the test.
    if (recipe_.pass && options_.score && !record.val.empty())
      for (const auto& metric : recipe_.pass->metric) check_metric(metric.substr(0, metric.find('@')), record.val);
    if (progress_) {
      const auto test = shows(record.test) ? "  test " + scores_text(record.test) : std::string();
      const auto val = record.val.empty() ? std::string() : "  val " + scores_text(record.val);
      progress_->line(fmt::format("epoch {}  train loss {:.5f}{}{}  {:.1f} s", record.epoch, record.train.at("loss"),
                                  val, test, record.seconds));
    }
  }

  bool shows(const Scores& test) const { return options_.show_test && !test.empty(); }

  void note(const std::string& text) {
    if (progress_) progress_->line(text);
  }

  void score() {
    auto& model = *result_.model;
    model.eval();
    EvaluateOptions options{.batch = recipe_.train.eval_batch};
    const auto best = static_cast<std::size_t>(result_.best_epoch);
    if (best > 0) result_.val = result_.history.at(best - 1).val;
    if (!options_.score) return;
    if (best == 0 && result_.task->samples(Split::val) > 0)
      result_.val = result_.task->evaluate(model, Split::val, options);
    options.details = true;
    if (result_.task->samples(Split::test) == 0) return;
    result_.test = result_.task->evaluate(model, Split::test, options);
    if (recipe_.resampled) result_.test.merge(resampled_scores(recipe_, options_, model, subject_.sizes));
  }

  /// By the last scoring and by those after epochs.
  std::int64_t own_test_touches() const {
    std::int64_t touches = !result_.test.empty();
    for (const auto& record : result_.history) touches += !record.test.empty();
    return touches;
  }

  /// Parameters of body, embedding and head, listed apart, and what else may have helped.
  void add_model_facts() {
    auto* model = dynamic_cast<SequenceModel*>(result_.model.get());
    if (!model) return;
    const auto parts = parameter_parts(*model);
    result_.about["parameters"] = {{"body", parts.body}, {"embedding", parts.embedding}, {"head", parts.head}};
    const auto goal = sequence_sizes_from_json(subject_.sizes).goal;
    result_.about["help"] = help_checklist(recipe_, goal, *model, result_.about);
  }

  /// What the training cost, and what it cost with self-pretraining; of a model that is scored also what its use costs.
  void add_cost() {
    if (!recipe_.is_sequence()) return;
    auto& about = result_.about;
    about["cost"] = sequence_cost(*result_.model, *result_.task, recipe_.train.batch, options_.score);
    about["total"] = {{"steps", result_.steps},
                      {"seconds", result_.train_seconds},
                      {"tokens", result_.tokens},
                      {"flops", training_flops(about["cost"], result_.tokens)}};
    if (!about.contains("pretraining")) return;
    for (auto& [key, value] : about["total"].items())
      value = value.get<double>() + about["pretraining"].at(key).get<double>();
  }

  void add_baselines() {
    if (!options_.score) return;
    for (const auto& line : result_.task->baselines())
      result_.about["baselines"].push_back({{"name", line.name}, {"score", line.score}, {"comment", line.comment}});
  }

  void judge() {
    if (!recipe_.pass || !options_.score) return;
    const auto& pass = *recipe_.pass;
    const auto& scores = result_.test.empty() ? result_.val : result_.test;
    const bool least = !pass.at_least.empty();
    result_.verdict = "pass";
    for (std::size_t i = 0; i < pass.metric.size(); ++i) {
      check_metric(pass.metric[i], scores);
      const auto score = scores.at(pass.metric[i]), limit = least ? pass.at_least[i] : pass.at_most[i];
      const bool reached = least ? score >= limit : score <= limit;
      if (!reached) result_.verdict = "fail";
      note(fmt::format("{}: {}, expected {} {}", reached ? "pass" : "fail", score_text(pass.metric[i], scores),
                       least ? "at least" : "at most", value_text(pass.metric[i], limit)));
    }
  }

  void finish() {
    result_.test_touches = own_test_touches();
    auto json = result_json(result_);
    Json entry = {{"kind", "result"}, {"step", result_.steps}, {"val", result_.val}, {"test", result_.test}};
    log(entry);
    if (directory_) {
      if (result_.parameters == 0) write_best(result_.model->state());
      Json file = {{"task", recipe_.task.type},
                   {"data", recipe_.task.data},
                   {"model", recipe_.model},
                   {"seed", recipe_.train.seed}};
      file.update(json);
      result_.test_touches = directory_->write_result(file, result_.test_touches);
    }
    if (result_.test_touches > 1) note(test_touches_text(result_.test_touches));
    const auto weights = result_.task->samples(Split::val) == 0
                             ? std::string("no validation split: weights of the last epoch")
                             : fmt::format("best epoch {}: val {}", result_.best_epoch, scores_text(result_.val));
    note(fmt::format("{} after {} epochs, {}{}", result_.stopped, result_.epochs, weights,
                     shows(result_.test) ? ", test " + scores_text(result_.test) : ""));
  }

  Recipe recipe_;
  Json json_;
  RunOptions options_;
  std::optional<RunDirectory> directory_;
  std::optional<Progress> progress_;
  Subject subject_;
  BuiltModel model_;
  RunResult result_;
  std::int64_t batches_ = 0, epochs_ = 0;
};

}  // namespace

Json result_json(const RunResult& result) {
  Json history = Json::array();
  for (const auto& record : result.history) {
    history.push_back(epoch_json(record));
    history.back().erase("kind");
  }
  Json json = {{"val", result.val},
               {"test", result.test},
               {"test_touches", result.test_touches},
               {"parameters", result.parameters},
               {"epochs", result.epochs},
               {"best_epoch", result.best_epoch},
               {"steps", result.steps},
               {"seconds_per_step", result.seconds_per_step},
               {"train_seconds", result.train_seconds},
               {"peak_memory_bytes", result.peak_memory_bytes},
               {"capped", result.capped},
               {"stopped", result.stopped}};
  if (result.tokens > 0) json["tokens"] = result.tokens;
  if (!result.verdict.empty()) json["verdict"] = result.verdict;
  if (!result.about.empty()) json["about"] = result.about;
  json["history"] = history;
  return json;
}

void check_experiment(const Recipe& recipe, const RunOptions& options) { Experiment(recipe, options); }

RunResult run_experiment(const Recipe& recipe, const RunOptions& options) { return Experiment(recipe, options).run(); }

double RunResult::total_seconds() const {
  return train_seconds + (about.contains("pretraining") ? about["pretraining"].at("seconds").get<double>() : 0);
}

std::filesystem::path default_run_directory(const Recipe& recipe) {
  const auto task = recipe.task.type == "forecast"
                        ? fmt::format("{}-{}-{}", std::filesystem::path(recipe.task.data).stem().string(),
                                      recipe.task.lookback, recipe.task.horizon)
                    : recipe.is_sequence() ? recipe.task.data
                                           : recipe.task.type;
  const auto protocol = recipe.train.protocol == "scratch" ? "" : "-" + recipe.train.protocol;
  return std::filesystem::path("runs") / fmt::format("{}-{}{}-{}", task, recipe.model, protocol, recipe.train.seed);
}

}  // namespace longwave
