#include "longwave/train/recipe.h"

#include <algorithm>

#include "longwave/data/sequence_data.h"
#include "longwave/models/forecaster.h"
#include "longwave/tasks/metrics.h"
#include "longwave/tasks/sequence_model.h"

namespace longwave {
namespace {

using Int = std::int64_t;

Settings section_of(const Sections& sections, const std::string& name) {
  const auto found = sections.find(name);
  return found == sections.end() ? Settings() : found->second;
}

/// Where a setting stands that names something registered; `find` throws if it is not.
template <class Find>
void check_name(const Setting& setting, const std::string& key, std::string& name, const Find& find) {
  check(read_value(setting.value, name), setting.where, ": ", key, " is ", setting.value.dump(),
        "; expected a name as text");
  try {
    find(name);
  } catch (const UserError& error) {
    fail(setting.where, ": ", key, ": ", error.what());
  }
}

template <class Registry>
std::string names_in(const Registry& registry) {
  std::vector<std::string> names;
  for (const auto& [name, info] : registry) names.push_back(name);
  return join(names);
}

/// Takes "name" out of [model]; where it stands.
std::string take_model_name(Settings& model, Recipe& recipe) {
  const auto name = model.find("name");
  if (name == model.end())
    for (const auto& [key, setting] : model)
      check(nearest_name(key, {"name"}).empty(), setting.where, ": unknown key model.", key, "; did you mean 'name'?");
  check(name != model.end(), "model.name is missing; expected a ",
        recipe.is_sequence() ? "mixer, for example mamba, s4d or attention"
                             : "forecaster, for example samovar or dlinear",
        " (see `longwave models`): name = \"...\" in section [model], or model.name=... on the command line");
  check_name(name->second, "model.name", recipe.model,
             [&](const std::string& n) { check_model_name(n, recipe.is_sequence()); });
  const auto where = name->second.where;
  model.erase(name);
  return where;
}

/// Where the command line names another model than the one that the recipe has fields for.
void check_fields_of_other(const std::string& name_from, const std::string& model, const Settings& settings,
                           const std::string& section, const std::vector<FieldInfo>& fields) {
  if (name_from != kCommandLine) return;
  for (const auto& [key, setting] : settings) {
    const bool known = std::any_of(fields.begin(), fields.end(), [&](const FieldInfo& f) { return f.name == key; });
    check(known || setting.where == kCommandLine, setting.where, ": ", section, ".", key, " is no field of ", model,
          ", which model.name asks for on the command line; use a copy of the recipe whose [", section,
          "] has fields of ", model, " only, or none (`longwave models ", model, "` lists them)");
  }
}

std::vector<std::string> names_of(const std::vector<FieldInfo>& fields) {
  std::vector<std::string> names;
  for (const auto& field : fields) names.push_back(field.name);
  return names;
}

/// UserError for a key of [model] that is not `known` there, nor the name: with the nearest that is, or the nearest of
/// the mixer's own fields.
void check_model_keys(const Settings& model, std::vector<std::string> known, const std::vector<std::string>& of_mixer) {
  known.push_back("name");
  for (const auto& [key, setting] : model) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto near = nearest_name(key, of_mixer);
    const bool moved = !near.empty() && (near == key || nearest_name(key, known).empty());
    fail(setting.where, ": unknown key model.", key,
         moved ? "; did you mean 'model.mixer." + near + "'?" : suggestion(key, known));
  }
}

void resolve_forecast(const Sections& sections, Recipe& recipe) {
  recipe.task = TaskConfig::fields().parse(section_of(sections, "task"), "task");
  check(recipe.task.type == "forecast" || recipe.task.horizon == 1, "task.horizon is ", recipe.task.horizon,
        "; expected 1 with task.type = \"synthetic-var\"");
  auto model = section_of(sections, "model");
  const auto name_from = take_model_name(model, recipe);
  const auto& forecaster = find_forecaster(recipe.model);
  check_fields_of_other(name_from, recipe.model, model, "model", forecaster.fields);
  check_model_keys(model, names_of(forecaster.fields), {});
  recipe.model_config = forecaster.resolve(model, "model", false);
}

void resolve_sequence(const Sections& sections, Recipe& recipe) {
  auto task = section_of(sections, "task");
  recipe.sequence = SequenceTaskConfig::fields().parse(task, "task");
  check(task.contains("data"), task.at("type").where, ": task.data is missing; expected the name of a sequence set");
  check_name(task.at("data"), "task.data", recipe.task.data, [](const std::string& n) { find_sequence_data(n); });
  recipe.task.type = recipe.sequence.type;
  check(recipe.sequence.evaluation != "sliding" || recipe.sequence.stride <= recipe.sequence.context, "task.stride is ",
        recipe.sequence.stride, "; expected at most task.context = ", recipe.sequence.context);
  recipe.data = find_sequence_data(recipe.task.data).resolve(section_of(sections, "data"), "data");
  auto model = section_of(sections, "model");
  const auto name_from = take_model_name(model, recipe);
  const auto mixer = section_of(sections, "model.mixer");
  const auto& mixer_fields = find_mixer(recipe.model).fields;
  check_fields_of_other(name_from, recipe.model, mixer, "model.mixer", mixer_fields);
  check_model_keys(model, SequenceModelConfig::fields().names(), names_of(mixer_fields));
  recipe.model_config = resolve_sequence_model(recipe.model, model, mixer, section_of(sections, "model.channel_mixer"));
}

TrainConfig resolve_train(const Settings& settings, const std::string& section) {
  const auto train = TrainConfig::fields().parse(settings, section);
  for (const auto* key : {"warmup_epochs", "warmup_steps"})
    check(train.schedule != "onecycle" || !settings.contains(key) || settings.at(key).value == 0,
          settings.contains(key) ? settings.at(key).where : "", ": ", section, ".", key, " has no effect with ",
          section, ".schedule = \"onecycle\"; set ", section, ".warmup_fraction instead, or another schedule");
  const bool has_floor = train.schedule == "cosine" || train.schedule == "plateau";
  check(!has_floor || train.min_learning_rate <= train.learning_rate,
        settings.contains("min_learning_rate") ? settings.at("min_learning_rate").where : "", ": ", section,
        ".min_learning_rate is ", train.min_learning_rate, "; expected at most ", section,
        ".learning_rate = ", train.learning_rate);
  check(train.eval_steps == 0 || train.steps > 0 || train.flops > 0, section, ".eval_steps has no effect without ",
        section, ".steps or ", section, ".flops");
  return train;
}

/// [pretrain] over [train]. It is checked also where the protocol leaves it out, so that the protocol alone can change.
void resolve_pretrain(const Sections& sections, Recipe& recipe) {
  auto settings = section_of(sections, "train");
  const auto own = section_of(sections, "pretrain");
  for (const std::string key : {"protocol", "start_from"})
    check(!own.contains(key), own.contains(key) ? own.at(key).where : "", ": pretrain.", key,
          " has no meaning; set train.", key);
  if (own.contains("epochs") && !own.contains("steps")) settings.erase("steps"), settings.erase("eval_steps");
  for (const auto& [key, setting] : own) settings[key] = setting;
  settings.erase("protocol");
  const auto pretrain = resolve_train(settings, "pretrain");
  if (recipe.train.protocol == "scratch") return;
  check(recipe.sequence.objective == "task", "task.objective is \"", recipe.sequence.objective,
        "\", which is a phase of pretraining itself; expected \"task\" with train.protocol = \"", recipe.train.protocol,
        "\"");
  check(recipe.train.start_from.empty(), "train.start_from gives weights that are trained, train.protocol = \"",
        recipe.train.protocol, "\" trains them first; expected one of them");
  recipe.pretrain = pretrain;
}

std::optional<PassConfig> resolve_pass(const Sections& sections) {
  if (!sections.contains("pass")) return {};
  const auto& settings = sections.at("pass");
  const auto pass = PassConfig::fields().parse(settings, "pass");
  const auto where = settings.empty() ? std::string("[pass]") : settings.begin()->second.where;
  check(!pass.metric.empty() && pass.at_least.empty() != pass.at_most.empty(), where,
        ": [pass] needs metric and one of at_least and at_most");
  const auto limits = pass.at_least.size() + pass.at_most.size();
  check(limits == pass.metric.size(), where, ": [pass] has ", limits, " limits for ", pass.metric.size(),
        " metrics; expected one for each");
  return pass;
}

}  // namespace

const FieldTable<TaskConfig>& TaskConfig::fields() {
  using C = TaskConfig;
  static const auto table =
      FieldTable<C>()
          .add("type", &C::type,
               "forecast: a data set; synthetic-var: generated vector autoregressions; sequence: see below",
               one_of({"forecast", "synthetic-var", "sequence"}))
          .add("data", &C::data, "name of a data set (ETTh1, weather, ...) or path of a CSV file")
          .add("lookback", &C::lookback, "observed steps that the model sees", at_least<Int>(1))
          .add("horizon", &C::horizon, "steps to forecast", at_least<Int>(1))
          .add("features", &C::features, "M: all series in and out; S: the target alone; MS: all in, the target out",
               one_of({"M", "S", "MS"}))
          .add("target", &C::target, "column of the target, moved to the last place")
          .add("freq", &C::freq, "calendar features: h hourly, t with minutes", one_of({"h", "t"}))
          .add("label", &C::label, "observed steps repeated to a decoder; -1: the whole lookback", at_least<Int>(-1))
          .add("train_series", &C::train_series, "synthetic-var: generated series to train on", at_least<Int>(1))
          .add("val_series", &C::val_series, "synthetic-var: generated series to validate on", at_least<Int>(1))
          .add("data_seed", &C::data_seed, "synthetic-var: of the generated series; train.seed does not change them",
               at_least<Int>(0));
  return table;
}

const FieldTable<SequenceTaskConfig>& SequenceTaskConfig::fields() {
  using C = SequenceTaskConfig;
  static const auto table =
      FieldTable<C>()
          .add("type", &C::type, "sequence", one_of({"sequence"}))
          .add("data", &C::data, "name of a sequence set; its own fields in [data]")
          .add("bucket", &C::bucket, "training batches of samples of similar length")
          .add("fresh", &C::fresh,
               "generated sets: no training sample is seen twice; goes with train.steps or train.flops")
          .add("evaluation", &C::evaluation, "language: how perplexity is measured (docs/tasks.md)",
               one_of({"stream", "segment", "sliding", "whole"}))
          .add("context", &C::context, "language: tokens of a training segment and of an evaluation window",
               at_least<Int>(1))
          .add("stride", &C::stride, "language, sliding: tokens that a window moves and that are scored",
               at_least<Int>(1))
          .add("objective", &C::objective, "the task, or one phase of self-pretraining alone: masked or causal",
               one_of({"task", "masked", "causal"}))
          .add("mask_ratio", &C::mask_ratio,
               "masked: share of hidden steps; -1: as published for the set, else 0.15 of tokens, 0.5 of numbers",
               between(-1.0, 1.0))
          .add("mask_span", &C::mask_span, "masked: steps that are hidden together, one span beside another",
               at_least<Int>(1))
          .add("mask_loss", &C::mask_loss,
               "pretraining on numbers: l1, or levels: one of 256 grey levels; auto: as published for the set, else l1",
               one_of({"auto", "l1", "levels"}));
  return table;
}

const FieldTable<ResampledConfig>& ResampledConfig::fields() {
  using C = ResampledConfig;
  static const auto table =
      FieldTable<C>()
          .add("data", &C::data, "settings of [data] that give the other rate, such as [\"every=2\"]")
          .add("step_scale", &C::step_scale, "factor of the time steps of state-space models: 2 at half the rate",
               positive());
  return table;
}

const FieldTable<PassConfig>& PassConfig::fields() {
  using C = PassConfig;
  static const auto table = FieldTable<C>()
                                .add("metric", &C::metric, "score, or several, that a run must reach")
                                .add("at_least", &C::at_least, "limit of each")
                                .add("at_most", &C::at_most, "the same for scores that are better the lower they are");
  return table;
}

namespace {

void check_fresh(const Recipe& recipe) {
  const bool generated = recipe.data.contains("train_samples") && find_sequence_data(recipe.task.data).generated &&
                         recipe.data.value("source", "generated") == "generated";
  check(
      (recipe.train.steps > 0 || recipe.train.flops > 0) && generated,
      "task.fresh needs train.steps or train.flops, which say how many samples there are to be, and a generated set; ",
      recipe.task.data, generated ? " is one" : " is none");
  check(!recipe.pretrain || recipe.pretrain->steps > 0, "task.fresh needs pretrain.steps as well; it is 0");
}

Sections sections_from_json(const Json& json, const std::string& where) {
  Sections sections;
  check(json.is_object(), where, ": holds no recipe");
  for (const auto& [section, settings] : json.items()) sections[section] = settings_from_json(settings, where);
  return sections;
}

void resolve_resampled(const Settings& settings, Recipe& recipe) {
  recipe.resampled = ResampledConfig::fields().parse(settings, "resampled");
  const auto where = settings.empty() ? std::string("[resampled]") : settings.begin()->second.where;
  check(!recipe.resampled->data.empty(), where, ": [resampled] needs data, a list such as [\"every=2\"]");
  try {
    resampled_recipe(recipe);
  } catch (const UserError& error) {
    fail(where, ": resampled.data: ", error.what());
  }
}

}  // namespace

void check_model_name(const std::string& name, bool sequence) {
  const bool forecasts = forecasters().contains(name), mixes = mixers().contains(name);
  if (sequence && forecasts && !mixes)
    fail("'", name, "' is a forecaster, and this a task on sequences; expected a mixer: ", names_in(mixers()));
  if (!sequence && mixes && !forecasts)
    fail("'", name,
         "' is a mixer, of tasks with task.type = \"sequence\"; expected a forecaster: ", names_in(forecasters()));
  sequence ? (void)find_mixer(name) : (void)find_forecaster(name);
}

Recipe resolve_recipe(const Sections& sections) {
  Recipe recipe;
  const auto task = section_of(sections, "task");
  const bool sequence = task.contains("type") && task.at("type").value == "sequence";
  auto known = std::vector<std::string>{"task", "model", "train", "pass"};
  if (sequence) known.insert(known.end(), {"data", "model.mixer", "model.channel_mixer", "resampled", "pretrain"});
  check_sections(sections, known);
  recipe.task.type = sequence ? "sequence" : recipe.task.type;
  sequence ? resolve_sequence(sections, recipe) : resolve_forecast(sections, recipe);
  recipe.train = resolve_train(section_of(sections, "train"), "train");
  check(sequence || recipe.train.protocol == "scratch", section_of(sections, "train")["protocol"].where,
        ": train.protocol is of sequence tasks; expected \"scratch\"");
  check(recipe.train.flops == 0 || (sequence && recipe.train.protocol == "scratch"),
        section_of(sections, "train")["flops"].where, ": train.flops is what one training on sequences may cost; ",
        "expected train.steps ", sequence ? "and pretrain.steps of two phases" : "or train.epochs of a forecaster");
  if (sequence) resolve_pretrain(sections, recipe);
  if (recipe.sequence.fresh) check_fresh(recipe);
  check(recipe.sequence.fresh || !recipe.is_sequence() || recipe.data.value("curriculum", 0) == 0,
        "data.curriculum is seen once, from its beginning to its end; expected task.fresh = true");
  if (sections.contains("resampled")) resolve_resampled(sections.at("resampled"), recipe);
  recipe.pass = resolve_pass(sections);
  for (const auto& metric : recipe.pass ? recipe.pass->metric : std::vector<std::string>())
    check(recipe.resampled || !metric.ends_with(kResampled), section_of(sections, "pass")["metric"].where,
          ": pass.metric: '", metric, "' needs a section [resampled]");
  return recipe;
}

Recipe resampled_recipe(const Recipe& recipe) {
  auto other = recipe;
  other.resampled.reset();
  other.pass.reset();
  std::vector<std::string> assignments;
  for (const auto& assignment : recipe.resampled->data) assignments.push_back("data." + assignment);
  return with_data(other, assignments);
}

Recipe pretrain_recipe(const Recipe& recipe) {
  auto phase = recipe;
  phase.sequence.objective = recipe.train.protocol;
  phase.train = *recipe.pretrain;
  phase.pretrain.reset();
  phase.resampled.reset();
  phase.pass.reset();
  return phase;
}

Json recipe_json(const Recipe& recipe) {
  Json json;
  Json model = {{"name", recipe.model}};
  for (const auto& [key, value] : recipe.model_config.items())
    if (!value.is_object()) model[key] = value;
  if (recipe.is_sequence()) {
    json["task"] = SequenceTaskConfig::fields().dump(recipe.sequence);
    json["data"] = recipe.data;
  } else {
    json["task"] = TaskConfig::fields().dump(recipe.task);
  }
  json["model"] = model;
  for (const auto& [key, value] : recipe.model_config.items())
    if (value.is_object()) json["model." + key] = value;
  json["train"] = TrainConfig::fields().dump(recipe.train);
  if (recipe.pretrain) {
    json["pretrain"] = TrainConfig::fields().dump(*recipe.pretrain);
    for (const char* key : {"protocol", "start_from"}) json["pretrain"].erase(key);
  }
  if (recipe.resampled) json["resampled"] = ResampledConfig::fields().dump(*recipe.resampled);
  if (recipe.pass) json["pass"] = PassConfig::fields().dump(*recipe.pass);
  return json;
}

Recipe recipe_from_json(const Json& json, const std::string& where) {
  return resolve_recipe(sections_from_json(json, where));
}

Recipe with_data(const Recipe& recipe, const std::vector<std::string>& assignments) {
  auto sections = sections_from_json(recipe_json(recipe), "recipe of the run");
  for (const auto& assignment : assignments) {
    check(assignment.starts_with("data."), "'", assignment, "' cannot change after training; expected data.key=value");
    check(recipe.is_sequence(), "'", assignment, "': this run forecasts; only sequence sets have fields in [data]");
    apply_override(sections, assignment);
  }
  return resolve_recipe(sections);
}

std::vector<RecipeSection> describe_recipe(bool with_models) {
  std::vector<RecipeSection> list{{"task", TaskConfig::fields().describe()},
                                  {"task (type = \"sequence\")", SequenceTaskConfig::fields().describe()},
                                  {"model (type = \"sequence\")", SequenceModelConfig::fields().describe()},
                                  {"train", TrainConfig::fields().describe()},
                                  {"resampled", ResampledConfig::fields().describe()},
                                  {"pass", PassConfig::fields().describe()}};
  if (!with_models) return list;
  for (const auto& [name, info] : sequence_data_sets()) list.push_back({"data (data = \"" + name + "\")", info.fields});
  for (const auto& [name, info] : forecasters()) list.push_back({"model (name = \"" + name + "\")", info.fields});
  for (const auto& [name, info] : mixers()) list.push_back({"model.mixer (name = \"" + name + "\")", info.fields});
  for (const auto& [name, info] : channel_mixers())
    list.push_back({"model.channel_mixer (channel = \"" + name + "\")", info.fields});
  return list;
}

}  // namespace longwave
