// Fixtures of the Long Range Arena classifier of the S4 authors: encoder, residual S4 blocks, mean over time, decoder.

#include "longwave/models/classifier.h"
#include "longwave/models/gradient_fixture.h"

namespace longwave {
namespace {

ClassifierConfig config_of(const Json& config) {
  const auto text = [&](const char* key, const char* fallback) { return config.value(key, std::string(fallback)); };
  const auto number = [&](const char* key, std::int64_t fallback) { return config.value(key, fallback); };
  ClassifierConfig out;
  out.inputs = number("d_input", 1);
  out.classes = number("n_classes", 2);
  auto& stack = out.backbone;
  stack.mixer = "s4_block";
  stack.d_model = number("d_model", 0);
  stack.layers = number("n_layers", 1);
  stack.l_max = number("L", 0);
  stack.prenorm = config.value("prenorm", false);
  stack.norm = text("norm", "layer");
  stack.mixer_settings = {{"mode", text("mode", "dplr")},     {"init", text("init", "legs")},
                          {"d_state", number("d_state", 64)}, {"bidirectional", config.value("bidirectional", false)},
                          {"n_ssm", number("n_ssm", 1)},      {"final_act", text("final_act", "glu")}};
  return out;
}

/// Names of the reference -> ours: its residual layer calls the block "layer" and wraps every norm.
std::string own_name(std::string name) {
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
  return name;
}

TensorMap import(Classifier& model, const TensorMap& param) {
  TensorMap own;
  std::map<std::string, TensorMap> of_mixers;
  for (const auto& [name, tensor] : param) {
    const auto renamed = own_name(name);
    const auto at = renamed.find(".mixer.");
    if (at == std::string::npos)
      own[renamed] = tensor;
    else
      of_mixers[renamed.substr(0, at + 7)][renamed.substr(at + 7)] = tensor;
  }
  for (const auto& [prefix, weights] : of_mixers) {
    const auto layer = static_cast<std::size_t>(std::stoul(prefix.substr(std::string("backbone.layers.").size())));
    for (const auto& [name, tensor] : model.backbone().block(layer).mixer().import_reference(weights))
      own[prefix + name] = tensor;
  }
  for (const auto& [name, tensor] : model.state())
    if (name.find("running_") != std::string::npos) own.emplace(name, tensor);  // the fixtures are in training mode
  return own;
}

FixtureRun run(const TensorMap& in, const TensorMap& param, const Json& config) {
  const auto model = std::make_shared<Classifier>(config_of(config), 0);
  model->to(in.at("x").scalar_type());
  const auto imported = import(*model, param);
  model->load(imported, "fixture");
  model->train();
  FixtureRun result;
  result.out["y"] = model->forward(in.at("x"));
  result.after_backward = [model, imported] { map_gradients(*model, imported); };
  return result;
}

const RegisterComputedFixture registered({"s4_classifier"}, run);

}  // namespace
}  // namespace longwave
