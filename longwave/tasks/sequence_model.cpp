#include "longwave/tasks/sequence_model.h"

#include <algorithm>
#include <array>

#include "longwave/base/check.h"
#include "longwave/models/classifier.h"
#include "longwave/models/language_model.h"

namespace longwave {
namespace {

constexpr std::array<const char*, 5> kGoals = {"classify", "classify_pair", "classify_steps", "regress_steps",
                                               "language"};

std::vector<std::string> channel_choices() {
  std::vector<std::string> names{"none"};
  for (const auto& [name, info] : channel_mixers()) names.push_back(name);
  return names;
}

BackboneConfig backbone_config(const std::string& mixer, const SequenceModelConfig& c, const Json& all,
                               const SequenceSizes& sizes) {
  return {.mixer = mixer,
          .mixer_settings = all.at("mixer"),
          .channel = c.channel,
          .channel_settings = all.at("channel_mixer"),
          .d_model = c.d_model,
          .layers = c.layers,
          .l_max = sizes.max_length,
          .norm = c.norm,
          .prenorm = c.prenorm,
          .dropout = c.dropout,
          .tied_dropout = c.tied_dropout,
          .bidirectional = c.bidirectional,
          .recompute = c.recompute};
}

}  // namespace

const FieldTable<SequenceModelConfig>& SequenceModelConfig::fields() {
  using C = SequenceModelConfig;
  using Int = std::int64_t;
  static const auto table =
      FieldTable<C>()
          .add("layers", &C::layers, "blocks: norm, mixer, residual, and the same with the channel mixer",
               at_least<Int>(1))
          .add("d_model", &C::d_model, "width of a step's vector", at_least<Int>(1))
          .add("channel", &C::channel, "channel mixer of every block; its own fields in [model.channel_mixer]",
               one_of(channel_choices()))
          .add("norm", &C::norm, "of every block", one_of(sequence_norm_kinds()))
          .add("prenorm", &C::prenorm, "x + f(norm(x)); false: norm(x + f(x))")
          .add("dropout", &C::dropout, "of what mixer and channel mixer add", fraction())
          .add("embedding_dropout", &C::embedding_dropout, "of the embedded steps", fraction())
          .add("tied_dropout", &C::tied_dropout, "one dropout mask for all steps of a row and channel")
          .add("bidirectional", &C::bidirectional, "a second mixer per block from the end to the beginning")
          .add("recompute", &C::recompute,
               "train longer sequences in pieces of so many steps and compute each again for its gradients: memory for "
               "one piece; 0: keep everything",
               at_least<Int>(0))
          .add("positions", &C::positions, "added to the embedded steps; rotary ones are a field of the mixer",
               one_of({"none", "sinusoidal", "learned"}))
          .add("pool", &C::pool,
               "one vector of all real steps, to classify a sequence; first, and cls, that of a learnt class token "
               "before them: for mixers that see all steps",
               one_of({"mean", "max", "sum", "last", "first", "cls"}))
          .add("pair_head", &C::pair_head, "how the vectors u, v of a pair become one (see ClassifierConfig)",
               one_of({"s4", "s4_relu", "nli", "concat"}))
          .add("tied", &C::tied, "language: the output map is the embedding table")
          .add("cutoffs", &C::cutoffs,
               "language: token ids where bands of an adaptive softmax end; none: plain softmax")
          .add("division", &C::division, "language: each band is so many times narrower", at_least(1.0));
  return table;
}

const char* name_of(SequenceGoal goal) { return kGoals[static_cast<std::size_t>(goal)]; }

SequenceSizes sequence_sizes(const SequenceFacts& f) {
  return {f.goal, f.vocabulary, f.channels, f.classes, f.max_length, f.token_names};
}

Json sizes_json(const SequenceSizes& s) {
  return {{"goal", name_of(s.goal)}, {"vocabulary", s.vocabulary}, {"channels", s.channels},
          {"classes", s.classes},    {"max_length", s.max_length}, {"token_names", s.token_names}};
}

SequenceSizes sequence_sizes_from_json(const Json& json) {
  SequenceSizes s;
  const auto goal = json.at("goal").get<std::string>();
  const auto found = std::find(kGoals.begin(), kGoals.end(), goal);
  check(found != kGoals.end(), "unknown goal '", goal, "'");
  s.goal = static_cast<SequenceGoal>(found - kGoals.begin());
  s.vocabulary = json.at("vocabulary").get<std::int64_t>();
  s.channels = json.at("channels").get<std::int64_t>();
  s.classes = json.at("classes").get<std::int64_t>();
  s.max_length = json.at("max_length").get<std::int64_t>();
  s.token_names = json.at("token_names").get<std::vector<std::string>>();
  return s;
}

Json resolve_sequence_model(const std::string& mixer, const Settings& model, const Settings& mixer_settings,
                            const Settings& channel_settings) {
  const auto config = SequenceModelConfig::fields().parse(model, "model");
  auto json = SequenceModelConfig::fields().dump(config);
  json["mixer"] = find_mixer(mixer).resolve(mixer_settings, "model.mixer", false);
  check(config.channel != "none" || channel_settings.empty(),
        channel_settings.empty() ? "" : channel_settings.begin()->second.where,
        ": [model.channel_mixer] has no effect with model.channel = \"none\"");
  json["channel_mixer"] =
      config.channel == "none"
          ? Json::object()
          : find_channel_mixer(config.channel).resolve(channel_settings, "model.channel_mixer", false);
  return json;
}

std::shared_ptr<SequenceModel> make_sequence_model(const std::string& mixer, const Json& config,
                                                   const SequenceSizes& sizes, std::uint64_t seed) {
  auto plain = config;
  plain.erase("mixer");
  plain.erase("channel_mixer");
  const auto c = SequenceModelConfig::fields().parse(settings_from_json(plain, "model configuration"), "model");
  const auto backbone = backbone_config(mixer, c, config, sizes);
  if (sizes.goal == SequenceGoal::language)
    return std::make_shared<LanguageModel>(LanguageModelConfig{.backbone = backbone,
                                                               .tokens = sizes.vocabulary,
                                                               .tied = c.tied,
                                                               .positions = c.positions,
                                                               .embedding_dropout = c.embedding_dropout,
                                                               .cutoffs = c.cutoffs,
                                                               .division = c.division},
                                           seed);
  const bool steps = sizes.goal == SequenceGoal::classify_steps || sizes.goal == SequenceGoal::regress_steps;
  const bool pair = sizes.goal == SequenceGoal::classify_pair;
  return std::make_shared<Classifier>(
      ClassifierConfig{.backbone = backbone,
                       .inputs = sizes.channels,
                       .tokens = sizes.vocabulary,
                       .classes = sizes.goal == SequenceGoal::regress_steps ? std::max<std::int64_t>(1, sizes.classes)
                                                                            : sizes.classes,
                       .pool = c.pool,
                       .head = steps  ? "steps"
                               : pair ? "pair"
                                      : "sequence",
                       .pair_head = c.pair_head,
                       .positions = c.positions,
                       .embedding_dropout = c.embedding_dropout},
      seed);
}

}  // namespace longwave
