#include "longwave/train/comparison.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "longwave/base/atomic_file.h"
#include "longwave/data/sequence_data.h"
#include "longwave/io/number.h"
#include "longwave/mixers/mixer.h"
#include "longwave/models/forecaster.h"
#include "longwave/tasks/language.h"
#include "longwave/train/comparison_names.h"
#include "longwave/train/comparison_sections.h"
#include "longwave/train/search.h"

namespace longwave {
namespace {

constexpr const char* kSynthetic = "synthetic-var";

/// Everything that can change the result, but nothing that says where things lie or how progress is saved and shown.
/// Files of sequence sets join later (take_contents).
Json comparable(const Recipe& recipe) {
  auto json = recipe_json(recipe);
  for (const auto* section : {"train", "pretrain"})
    for (const auto* key : {"checkpoint_steps", "checkpoint_seconds", "log_steps", "test_every_epoch"})
      if (json.contains(section)) json[section].erase(key);
  if (recipe.task.type == "forecast" && std::filesystem::is_regular_file(recipe.task.data)) {
    json["task"]["data"] = std::filesystem::path(recipe.task.data).filename().string();
    json["task"]["content"] = content_hash(read_file(recipe.task.data));
  }
  return json;
}

/// Scores that are ranked in one table must be measured in one way, on the same data.
void check_one_measure(const std::vector<ComparisonCell>& cells) {
  std::map<std::string, const ComparisonCell*> first_of_data;
  for (const auto& cell : cells) {
    const auto& other = *first_of_data.emplace(cell.id.data, &cell).first->second;
    const auto same = [&](const std::string& what, const std::string& mine, const std::string& its) {
      check(mine == its, what, " on ", cell.id.data, " is ", mine, " for ", cell.id.model, " and ", its, " for ",
            other.id.model, "; expected one for all models of a table");
    };
    const auto measure = [](const Recipe& r) {
      const auto& s = r.sequence;
      return evaluation_name({.evaluation = s.evaluation, .context = s.context, .stride = s.stride});
    };
    same("task.evaluation", measure(cell.recipe), measure(other.recipe));
    for (const auto& [key, value] : cell.recipe.data.items())
      same("data." + key, value.dump(), other.recipe.data.value(key, Json()).dump());
  }
}

/// What one cell is of.
struct CellOf {
  CellNames names;
  std::string set, model;  // registered ones that names.data and names.model stand for
  std::int64_t horizon, seed;
  std::string protocol;
};

/// Takes out what says only what a variant is of.
void take_variants(Sections& sections, const CellOf& cell) {
  if (cell.set != cell.names.data) sections["data"].erase("set");
  auto& model = sections["model"];
  if (const auto name = model.find("name"); name != model.end() && name->second.value == cell.model) model.erase(name);
}

void set_cell(Sections& sections, const CellOf& cell, bool sequences) {
  const auto set = [&](const char* section, const char* key, const Json& value) {
    auto& setting = sections[section][key];
    check(setting.where.empty(), setting.where, ": ", section, ".", key,
          " belongs into [compare], which has the lists of models, data, horizons, protocols and seeds");
    setting = {value, "[compare]"};
  };
  const bool synthetic = cell.names.data == kSynthetic;
  set("task", "type", sequences ? "sequence" : synthetic ? kSynthetic : "forecast");
  if (!synthetic) set("task", "data", cell.set);
  if (!sequences) set("task", "horizon", cell.horizon);
  if (sequences) set("train", "protocol", cell.protocol);
  set("train", "seed", cell.seed);
  set("model", "name", cell.model);
}

ComparisonCell make_cell(Sections sections, const CellOf& of, bool sequences) {
  take_variants(sections, of);
  set_cell(sections, of, sequences);
  const auto& names = of.names;
  ComparisonCell cell;
  try {
    cell.recipe = resolve_recipe(sections);
  } catch (const UserError& error) {
    fail(error.what(), " (cell ", names.model, ", ", names.data, sequences ? "" : ", " + names.horizon, ")");
  }
  const auto json = comparable(cell.recipe);
  cell.id = {cell.recipe.task.type,
             sequences || names.data == kSynthetic ? names.data : json["task"]["data"].get<std::string>(),
             names.model,
             of.horizon,
             sequences ? 0 : cell.recipe.task.lookback,
             of.seed,
             json};
  cell.key = cell.id.key();
  return cell;
}

/// The lists of [compare] as [compare.DATA] changes them for one data set.
ComparisonConfig config_of_data(const Sections& sections, const ComparisonConfig& common, const KnownNames& known,
                                const std::string& data) {
  auto config = common;
  const auto found = sections.find("compare." + data);
  if (found == sections.end()) return config;
  const std::vector<std::string> keys{"models", "horizons", "seeds", "protocols", "solved"};
  for (const auto& [key, setting] : found->second)
    check(has(keys, key), setting.where, ": unknown key compare.", data, ".", key, suggestion(key, keys));
  const auto own = ComparisonConfig::fields().parse(found->second, "compare." + data);
  if (found->second.count("horizons")) config.horizons = own.horizons;
  if (found->second.count("seeds")) config.seeds = own.seeds;
  if (found->second.count("protocols")) {
    config.protocols.clear();
    for (const auto& protocol : own.protocols)
      if (has(common.protocols, protocol)) config.protocols.push_back(protocol);
  }
  if (found->second.count("solved")) config.solved = own.solved;
  const auto models = found->second.find("models");
  if (models == found->second.end()) return config;
  config.models.clear();
  for (const auto& model : own.models) {
    check(has(known.models, model), models->second.where, ": compare.", data, ".models: '", model,
          "' is not in compare.models", suggestion(model, common.models));
    if (has(common.models, model)) config.models.push_back(model);
  }
  return config;
}

void check_data_sections(const Sections& sections, const KnownNames& known) {
  for (const auto& [section, settings] : sections) {
    if (!section.starts_with("compare.")) continue;
    const auto data = section.substr(8);
    check(has(known.data, data), settings.empty() ? "" : settings.begin()->second.where + ": ", "section [", section,
          "] is of no data set of this comparison", suggestion(data, known.data));
  }
}

/// Tables name a CSV file by its file name, which two of them may share.
void check_file_names(const ComparisonConfig& config, const Settings& settings) {
  std::map<std::string, std::string> seen;
  for (const auto& data : config.data) {
    const auto [first, fresh] = seen.emplace(std::filesystem::path(data).filename().string(), data);
    check(fresh || first->second == data, settings.at("data").where, ": compare.data: '", first->second, "' and '",
          data, "' have the same file name, by which tables name them; rename one of the files");
  }
}

void check_lists(const Sections& sections, const ComparisonConfig& config, const Settings& settings, bool sequences) {
  const auto where = settings.empty() ? std::string("the recipe") : settings.begin()->second.where;
  check(!config.models.empty(), where,
        ": compare.models is missing; expected a list such as [\"samovar\", \"dlinear\"]");
  check(!config.data.empty(), where, ": compare.data is missing; expected a list such as [\"ETTh1\", \"weather\"]");
  check(sequences || !config.horizons.empty(), where,
        ": compare.horizons is missing; expected a list such as [96, 336]");
  check(!sequences || config.horizons.empty(), where, ": compare.horizons: sequence sets have no horizon");
  check(!config.protocols.empty(), where, ": compare.protocols is empty; expected scratch, masked or causal");
  check(sequences || config.protocols == ComparisonConfig().protocols, where,
        ": compare.protocols is of sequence sets; forecasting is trained from scratch");
  check(!config.seeds.empty(), where, ": compare.seeds is empty; expected at least one number");
  for (const auto& name : config.models) {
    const auto model = model_of(sections, name, sequences);
    try {
      check_model_name(model, sequences);
    } catch (const UserError& error) {
      fail(settings.at("models").where, ": compare.models: ", error.what(), "; a variant of a model needs [model.",
           name, "] with its 'name'");
    }
  }
}

/// All data sets are of one kind.
bool are_sequences(const Sections& sections, const ComparisonConfig& config, const Settings& settings) {
  const auto is_sequence = [&](const std::string& data) {
    return sequence_data_sets().contains(set_of(sections, data));
  };
  const auto other = std::find_if_not(config.data.begin(), config.data.end(), is_sequence);
  const bool any = std::any_of(config.data.begin(), config.data.end(), is_sequence);
  check(!any || other == config.data.end(), settings.contains("data") ? settings.at("data").where : "",
        ": compare.data mixes sequence sets with '", other == config.data.end() ? "" : *other, "', which is none",
        suggestion(other == config.data.end() ? "" : *other, names_of_sets()),
        "; expected one kind; a variant of a set needs [data.NAME] with its set");
  return any;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::vector<PublishedScore> published_scores(const ComparisonConfig& config, const Settings& settings,
                                             const KnownNames& known) {
  std::vector<PublishedScore> list;
  for (const auto& line : config.published) {
    std::vector<std::string> parts(1);
    for (const char c : line)
      if (c == '|')
        parts.emplace_back();
      else
        parts.back() += c;
    for (auto& part : parts) part = trimmed(part);
    double score = 0;
    const char* at = parts.size() == 4 ? parts[2].c_str() : "";
    const bool good = scan_number(at, '.', score) && *at == '\0';
    check(good, settings.at("published").where, ": compare.published: '", line,
          "'; expected \"DATA | NAME | SCORE | SOURCE\"");
    check(has(known.data, parts[0]), settings.at("published").where,
          ": compare.published: no data set of this comparison is called '", parts[0], "'",
          suggestion(parts[0], known.data));
    if (has(config.data, parts[0])) list.push_back({parts[0], parts[1], score, parts[3]});
  }
  return list;
}

std::vector<Contender> contenders_of(const Sections& sections, const ComparisonConfig& config, bool sequences) {
  std::vector<Contender> list;
  for (const auto& model : config.models) {
    const auto known = model_of(sections, model, sequences);
    const auto title = known != model ? model : sequences ? find_mixer(known).title : find_forecaster(known).title;
    for (const auto& protocol : config.protocols)
      list.push_back({model, protocol, protocol == "scratch" ? title : title + ", " + protocol + " pretraining"});
  }
  return list;
}

/// Makes the cells of one data set after the other.
class Planner {
 public:
  /// `where`: of [compare].
  Planner(const Sections& sections, const KnownNames& known, const std::string& where, Comparison& plan)
      : sections_(sections),
        where_(where),
        scoped_(scoped_sections(sections, known, plan.sequences)),
        space_(search_space(sections, known.models, plan.sequences)),
        plan_(plan) {}

  void add(const std::string& data, const ComparisonConfig& config) {
    const auto contenders = contenders_of(sections_, config, plan_.sequences);
    for (const auto horizon : config.horizons)
      if (space_.empty())
        for (const auto seed : config.seeds)
          for (const auto& contender : contenders) plan_.cells.push_back(cell(data, horizon, seed, contender, {}));
      else
        for (const auto& contender : contenders) {
          auto& search = plan_.searches.emplace_back(Search{contender, {}});
          for (const auto& point : points(contender.model)) {
            auto& trial = search.trials.emplace_back();
            for (const auto seed : config.seeds) trial.cells.push_back(cell(data, horizon, seed, contender, point));
          }
        }
  }

 private:
  /// What is tried for a model; one that has no parameters is the same at every point, and run once.
  std::vector<SearchPoint> points(const std::string& model) const {
    if (plan_.sequences || find_forecaster(model_of(sections_, model, false)).learns) return space_.points(model);
    const auto own = space_.own.find(model);
    check(own == space_.own.end(), own == space_.own.end() ? "" : own->second.begin()->second.where, ": [search.",
          model, "]: ", model, " has no parameters and is run once, without a search; leave this section out");
    return {SearchPoint()};
  }

  ComparisonCell cell(const std::string& data, std::int64_t horizon, std::int64_t seed, const Contender& contender,
                      const SearchPoint& point) {
    const CellOf of{{contender.model, data, std::to_string(horizon)},
                    set_of(sections_, data),
                    model_of(sections_, contender.model, plan_.sequences),
                    horizon,
                    seed,
                    contender.protocol};
    auto own = sections_of_cell(scoped_, of.names);
    apply(point, own);
    auto cell = make_cell(std::move(own), of, plan_.sequences);
    cell.point = words_of(point);
    check(keys_.insert(cell.key).second, where_, ": the cell ", of.names.model, ", ", data, ", ",
          plan_.sequences ? of.protocol : of.names.horizon, ", seed ", seed, cell.point.empty() ? "" : ", ", cell.point,
          " is listed twice");
    return cell;
  }

  const Sections& sections_;
  std::string where_;
  std::vector<ScopedSection> scoped_;
  SearchSpace space_;
  Comparison& plan_;
  std::set<std::string> keys_;
};

}  // namespace

const FieldTable<ComparisonConfig>& ComparisonConfig::fields() {
  using C = ComparisonConfig;
  static const auto table =
      FieldTable<C>()
          .add("title", &C::title, "heading of the report")
          .add("about", &C::about, "paragraphs for the reader of the report: protocol, what was cut")
          .add("models", &C::models, "registered names, or those of variants, in the order of the table's columns")
          .add("data", &C::data, "data sets: names, paths of CSV files, synthetic-var, or sequence sets")
          .add("horizons", &C::horizons, "steps to forecast")
          .add("protocols", &C::protocols, "sequences: scratch, masked, causal (see train.protocol)")
          .add("published", &C::published, "sequences: lines \"DATA | NAME | SCORE | SOURCE\" beside measured scores")
          .add("seeds", &C::seeds, "one run each")
          .add("noise_floor", &C::noise_floor, "known smallest possible MSE, drawn as a line; 0: none",
               at_least<double>(0))
          .add("solved", &C::solved, "sequences: score of the scored split that solves the task; 0: not said");
  return table;
}

Comparison plan_comparison(const Sections& sections, const Settings& written) {
  Comparison plan;
  const auto found = sections.find("compare");
  const auto settings = found == sections.end() ? Settings() : found->second;
  plan.config = ComparisonConfig::fields().parse(settings, "compare");
  plan.sequences = are_sequences(sections, plan.config, settings);
  check_lists(sections, plan.config, settings, plan.sequences);
  check_file_names(plan.config, settings);
  KnownNames known;
  known.add(plan.config);
  const auto whole = ComparisonConfig::fields().parse(written, "compare");
  known.add(whole);
  plan.narrowed = std::any_of(whole.data.begin(), whole.data.end(),
                              [&](const std::string& data) { return !has(plan.config.data, data); });
  check_data_sections(sections, known);
  plan.contenders = contenders_of(sections, plan.config, plan.sequences);
  plan.published = published_scores(plan.config, settings, known);
  if (plan.sequences) plan.config.horizons = {0};
  for (const auto& data : std::vector(known.data)) known.add(config_of_data(sections, plan.config, known, data));
  Planner planner(sections, known, settings.begin()->second.where, plan);
  for (const auto& data : plan.config.data) {
    const auto config = config_of_data(sections, plan.config, known, data);
    check(plan.sequences || config.solved == 0, settings.begin()->second.where,
          ": compare.solved is of sequence sets; ", data, " is none");
    if (config.solved != 0) plan.solved[data] = config.solved;
    planner.add(data, config);
  }
  if (plan.sequences) check_one_measure(plan.searches.empty() ? plan.cells : trial_cells(plan));
  return plan;
}

}  // namespace longwave
