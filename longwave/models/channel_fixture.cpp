// Fixtures of registered channel mixers: builds the one that the metadata describe, loads the reference's weights, runs
// it, and compares outputs and gradients.

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "longwave/channel/channel.h"
#include "longwave/models/gradient_fixture.h"

namespace longwave {
namespace {

const ChannelInfo* implementation(const std::string& system_id) {
  for (const auto& [name, info] : channel_mixers()) {
    const auto& ids = info.reference.system_ids;
    if (std::find(ids.begin(), ids.end(), system_id) != ids.end()) return &info;
  }
  return nullptr;
}

/// Gradients of our weights, moved through the import mapping to the reference's.
void map_gradients(const ChannelMixer& mixer, const TensorMap& imported) {
  std::vector<at::Tensor> values, gradients;
  for (const auto& parameter : mixer.named_parameters()) {
    const auto found = imported.find(parameter.key());
    if (found == imported.end() || !found->second.requires_grad() || !parameter.value().grad().defined()) continue;
    values.push_back(found->second);
    gradients.push_back(parameter.value().grad());
  }
  if (!values.empty()) torch::autograd::backward(values, gradients);
}

FixtureRun run(const ChannelInfo& info, const Fixture& fixture, const TensorMap& in, const TensorMap& param) {
  std::int64_t d = 0;
  Json settings = fixture.config;
  info.reference.configure(fixture.config, param, d, settings);
  // The activation of an MLP is told by the name of the case alone.
  for (const auto* name : {"gelu_tanh", "gelu", "relu2", "relu", "silu", "tanh", "sigmoid"})
    if (!settings.contains("activation") && fixture.name.find(name) != std::string::npos) settings["activation"] = name;
  for (const auto& field : info.fields)
    if (field.name.ends_with("dropout")) settings[field.name] = 0.0;
  const auto mixer = info.make(d, info.resolve(settings_from_json(settings, "fixture"), "config", true), 0, nullptr);
  const auto& x = in.at("x");
  mixer->to(x.scalar_type());
  const auto imported = mixer->import_reference(param);
  mixer->load(imported, fixture.path);
  FixtureRun result;
  result.out["y"] = mixer->forward(x);
  result.after_backward = [mixer, imported] { map_gradients(*mixer, imported); };
  return result;
}

const RegisterFixtureCheck registered({
    [](const Fixture& fixture) { return implementation(fixture.system_id) && fixture.has("in.x"); },
    [](const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
      const auto& info = *implementation(fixture.system_id);
      check_with_gradients(fixture, report, [&](const TensorMap& in, const TensorMap& param, const Json&) {
        return run(info, fixture, in, param);
      });
    },
});

}  // namespace
}  // namespace longwave
