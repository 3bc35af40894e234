// Fixtures of the Long Range Arena classifier of the S4 authors: encoder, residual S4 blocks, one vector a sequence,
// decoder; of one sequence or of pairs.

#include <algorithm>
#include <regex>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/models/classifier.h"
#include "longwave/models/config_keys.h"
#include "longwave/models/gradient_fixture.h"

namespace longwave {
namespace {

const std::vector<std::string> kPools = {"mean", "max", "sum", "last", "first", "pool"};

bool is_pool(const std::string& text) { return std::find(kPools.begin(), kPools.end(), text) != kPools.end(); }

/// "" if it is no text.
std::string text_of(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The same of a key of which only some values are known: another is no other name of the default, "".
std::string one_of(const Json& config, const char* key, const std::vector<std::string>& known) {
  const auto text = text_of(config, key);
  const auto value = config.value(key, Json());
  check(value.is_null() || std::find(known.begin(), known.end(), text) != known.end(), "config: ", key, " is ",
        value.dump(), "; expected one of ", join(known));
  return text;
}

/// The reference describes its decoder by an object; flat configurations say the same beside the rest. This one has
/// what is in the object as "decoder.KEY".
Json flat(Json config) {
  const auto decoder = config.value("decoder", Json());
  if (!decoder.is_object()) return config;
  config.erase("decoder");
  for (const auto& [key, value] : decoder.items()) config["decoder." + key] = value;
  return config;
}

/// Of a flat configuration.
std::string pool_of(const Json& config) {
  const std::vector<std::string> decoders = {"sequence", "retrieval"};
  auto names = kPools;
  names.insert(names.end(), decoders.begin(), decoders.end());
  one_of(config, "decoder._name_", decoders);
  std::vector<std::string> said;
  for (const auto* key : {"decoder.pool", "decoder.pooling", "decoder.mode", "pool", "pooling"})
    said.push_back(one_of(config, key, kPools));
  said.push_back(one_of(config, "decoder", names));
  said.push_back(text_of(config, "mode"));  // mostly that of the blocks
  const auto kind = std::find_if(said.begin(), said.end(), is_pool);
  return kind == said.end() || *kind == "pool" ? "mean" : *kind;
}

/// Number of a linear map of the decoder for pairs ("decoder.retrieval.classifier.2.weight"); -1 for other weights.
int map_of_pairs(const std::string& name) {
  static const std::regex pattern(R"(decoder\.(?:.*\.)?([0-9])\.(?:weight|bias))");
  std::smatch match;
  return std::regex_match(name, match, pattern) ? std::stoi(match[1]) : -1;
}

/// Number of the last one of these maps; -1 if the fixture is not of pairs.
int last_map_of_pairs(const TensorMap& param) {
  int last = -1;
  for (const auto& [name, tensor] : param) last = std::max(last, map_of_pairs(name));
  return last;
}

std::string pair_head_of(const TensorMap& param, const Json& config, std::int64_t d) {
  const bool two_hidden = last_map_of_pairs(param) == 4;
  for (const auto& [name, tensor] : param)
    if (two_hidden && map_of_pairs(name) == 0 && tensor.dim() == 2) return tensor.size(1) == 2 * d ? "concat" : "nli";
  for (const auto* key : {"decoder_activation", "head_activation", "decoder.activation"})
    if (one_of(config, key, {"gelu", "relu"}) == "relu") return "s4_relu";
  return "s4";
}

constexpr auto kBlocks = "s4_block";

/// As the mixer of the blocks reads it.
Json of_blocks(Json config) {
  config["H"] = config.at("d_model");
  if (is_pool(text_of(config, "mode"))) config.erase("mode");  // that of the decoder
  return config;
}

/// What the configuration means to the blocks.
void configure_blocks(const Json& any, BackboneConfig& stack) {
  const auto& info = find_mixer(stack.mixer);
  const auto config = of_blocks(any);
  MixerSizes sizes;
  Json settings;
  info.reference.configure(config, sizes, settings);
  stack.l_max = sizes.l_max;
  for (const auto& field : info.fields) {
    const auto found = settings.find(field.name);
    const bool given = found != settings.end() && (!found->is_null() || field.type == "text");
    if (given && field.name != "dropout") stack.mixer_settings[field.name] = *found;  // fixtures are made without
  }
}

ClassifierConfig config_of(const TensorMap& in, const TensorMap& param, const Json& given) {
  auto config = flat(given);
  const auto& encoder = param.at("encoder.weight");
  ClassifierConfig out;
  if (in.at("x").is_floating_point())
    out.inputs = encoder.size(1);
  else
    out.tokens = encoder.size(0);
  out.classes = config.value("n_classes", 2);
  auto& stack = out.backbone;
  stack.mixer = kBlocks;
  stack.d_model = config.at("d_model");
  stack.layers = config.value("n_layers", 1);
  stack.prenorm = config.value("prenorm", false);
  stack.norm = config.value("norm", "layer");
  if (param.count("layers.0.norm.norm.m")) stack.norm = "scalar";  // there, a kind of layer norm
  config.emplace("L", in.at("x").size(1));
  configure_blocks(config, stack);
  one_of(config, "residual", {"R", "residual"});  // x + block(x)
  out.pool = pool_of(config);
  if (last_map_of_pairs(param) >= 0) {
    out.head = "pair";
    out.pair_head = pair_head_of(param, config, stack.d_model);
  }
  return out;
}

/// Names of the reference -> ours: its residual layer calls the block "layer" and wraps every norm. `last`: see
/// last_map_of_pairs.
std::string own_name(std::string name, int last) {
  const auto replace = [&](const std::string& from, const std::string& to) {
    if (const auto at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
  };
  if (name.starts_with("layers.")) {
    const auto digits = name.substr(7, name.find('.', 7) - 7);
    const auto prefix = "layers." + digits + ".";
    replace(prefix + "layer.", prefix + "mixer.");
    replace(prefix + "norm.norm.", prefix + "mixer_norm.");
    return "backbone." + name;
  }
  if (name.starts_with("norm.norm.")) return "backbone.norm." + name.substr(10);
  if (const auto map = map_of_pairs(name); map >= 0)
    return (map == last ? "decoder" : map == 0 ? "hidden" : "hidden2") + name.substr(name.rfind('.'));
  replace("decoder.output_transform.", "decoder.");
  return name;
}

TensorMap import(Classifier& model, const TensorMap& param) {
  TensorMap own;
  std::map<std::string, TensorMap> of_mixers;
  const auto last = last_map_of_pairs(param);
  for (const auto& [name, tensor] : param) {
    const auto renamed = own_name(name, last);
    const auto at = renamed.find(".mixer.");
    if (at == std::string::npos)
      own[renamed] = tensor;
    else
      of_mixers[renamed.substr(0, at + 7)][renamed.substr(at + 7)] = tensor;
  }
  for (const auto& [prefix, weights] : of_mixers) {
    const auto number = std::stol(prefix.substr(std::string("backbone.layers.").size()));
    const auto layers = model.backbone().config().layers;
    check(number >= 0 && number < layers, "fixture: there are weights of layers.", number, ", but n_layers is ",
          layers);
    auto& mixer = model.backbone().block(static_cast<std::size_t>(number)).mixer();
    for (const auto& [name, tensor] : mixer.import_reference(weights)) own[prefix + name] = tensor;
  }
  for (const auto& [name, tensor] : model.state())
    if (name.find("running_") != std::string::npos) own.emplace(name, tensor);  // the fixtures are in training mode
  return own;
}

/// Vectors of padded rows as the reference makes them: padding enters norms and residuals, but not the blocks.
at::Tensor padded_features(Classifier& model, const at::Tensor& x, const Lengths& lengths) {
  const auto parts = model.named_modules();
  const auto norm = [&](const std::string& name, const at::Tensor& y) {
    return dynamic_cast<SequenceNorm&>(*parts["backbone." + name]).forward(y);
  };
  auto y = dynamic_cast<SequenceEncoder&>(*parts["encoder"]).forward(x);
  const auto valid = valid_steps(lengths, y);
  const auto& stack = model.backbone().config();
  for (std::int64_t i = 0; i < stack.layers; ++i) {
    const auto name = "layers." + std::to_string(i) + ".mixer_norm";
    auto& mixer = model.backbone().block(static_cast<std::size_t>(i)).mixer();
    const auto mixed = [&](const at::Tensor& u) { return mixer.forward(zero_padding(u, valid)); };
    y = stack.prenorm ? y + mixed(norm(name, y)) : norm(name, y + mixed(y));
  }
  return stack.prenorm ? norm("norm", y) : y;
}

/// The reference puts all first documents before all second ones; here those of a pair are neighbours.
at::Tensor pairs_together(const at::Tensor& rows) { return at::stack(rows.chunk(2), 1).flatten(0, 1); }

FixtureRun run(const TensorMap& in, const TensorMap& param, const Json& config) {
  const auto typed = config_of(in, param, config);
  const auto model = std::make_shared<Classifier>(typed, 0);
  model->to(param.at("encoder.weight").scalar_type());
  const auto imported = import(*model, param);
  model->load(imported, "fixture");
  model->train();
  const auto rows = [&](const at::Tensor& x) { return typed.head == "pair" ? pairs_together(x) : x; };
  const auto x = rows(in.at("x"));
  FixtureRun result;
  if (in.count("lengths")) {
    const auto lengths = rows(in.at("lengths"));
    result.out["y"] = model->classify(pool_sequence(typed.pool, padded_features(*model, x, lengths), lengths));
  } else {
    result.out["y"] = model->forward(x);
  }
  result.after_backward = [model, imported] { map_gradients(*model, imported); };
  return result;
}

/// What becomes of the keys: some are our own, the others are for the blocks.
Json meaning_of(const Json& config) {
  auto meaning = mixer_meaning(find_mixer(kBlocks), of_blocks(config));
  for (const auto* key : {"d_model", "n_layers", "n_classes", "prenorm", "norm", "residual", "pool", "pooling",
                          "decoder", "mode", "decoder_activation", "head_activation", "decoder._name_", "decoder.pool",
                          "decoder.pooling", "decoder.mode", "decoder.activation"})
    if (config.contains(key)) meaning["own"][key] = config[key];
  return meaning;
}

const RegisterFixtureCheck registered({
    [](const Fixture& fixture) { return fixture.system_id == "s4_classifier"; },
    [](const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
      report.hint = about_unread_keys(flat(fixture.config), meaning_of);
      check_with_gradients(fixture, report, run);
    },
});

}  // namespace
}  // namespace longwave
