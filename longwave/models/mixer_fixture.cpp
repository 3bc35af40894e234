// Fixtures of registered mixers: builds the mixer that the metadata describe, loads the reference's weights, runs it,
// and compares outputs, intermediates, final states and gradients.

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/models/config_keys.h"
#include "longwave/models/gradient_fixture.h"

namespace longwave {
namespace {

const MixerInfo* implementation(const std::string& system_id) {
  for (const auto& [name, info] : mixers()) {
    const auto& ids = info.reference.system_ids;
    if (std::find(ids.begin(), ids.end(), system_id) != ids.end()) return &info;
  }
  return nullptr;
}

/// From the fixture's order of axes to [b, t, d], or back (the orders in use are their own inverses).
at::Tensor reorder(const at::Tensor& x, const std::string& layout) {
  if (layout == "bdt") return x.transpose(1, 2);
  if (layout == "tbd") return x.transpose(0, 1);
  if (layout == "btd reversed") return x.flip(1);
  check(layout == "btd", "layout is '", layout, "'; expected btd, bdt, tbd or btd reversed");
  return x;
}

std::string layout_of(const MixerReference& reference, const Json& config) {
  return reference.layout_of ? reference.layout_of(config) : reference.layout;
}

std::shared_ptr<SequenceMixer> build(const MixerInfo& info, const Json& config) {
  MixerSizes sizes;
  Json settings = config;
  info.reference.configure(config, sizes, settings);
  for (const auto& field : info.fields)
    if (field.name.ends_with("dropout")) settings[field.name] = 0.0;  // the reference's fixtures were made without
  const auto is_text = [&](const std::string& key) {
    return std::any_of(info.fields.begin(), info.fields.end(),
                       [&](const auto& field) { return field.name == key && field.type == "text"; });
  };
  Json given = Json::object();
  for (const auto& [key, value] : settings.items())
    if (!value.is_null() || is_text(key)) given[key] = value;  // null: "none", of a number the default
  return info.make(sizes, info.resolve(settings_from_json(given, "fixture"), "config", true), 0);
}

/// All weights: buffers of the reference's modules, which some weights of ours are, lie beside its inputs, some without
/// the names of their owners.
TensorMap weights_of(const SequenceMixer& mixer, const TensorMap& in, const TensorMap& param) {
  auto weights = param;
  for (const auto& [name, tensor] : in) {
    const auto plain = name.starts_with("buffer.") ? name.substr(7) : name;
    if (plain != name) weights[plain] = tensor;
    for (const auto& [own, value] : mixer.state())
      if (!param.count(own) && (own == plain || own.ends_with("." + plain))) weights[own] = tensor;
  }
  return weights;
}

/// The state before the sequence; empty if it starts from nothing and nobody asks for the state behind it.
State start(const SequenceMixer& mixer, const MixerReference& reference, const TensorMap& in, std::int64_t b) {
  const auto given = reference.initial_state ? reference.initial_state(in) : State();
  const bool in_loss = reference.final_state && mixer.properties().streams &&
                       std::any_of(in.begin(), in.end(), [](const auto& item) { return item.first.starts_with("w."); });
  if (given.empty() && !in_loss) return {};
  auto state = mixer.initial_state(b);
  for (const auto& [name, tensor] : given) state.at(name) = tensor;
  return state;
}

FixtureRun run(const MixerInfo& info, const std::string& path, const TensorMap& in, const TensorMap& param,
               const Json& config) {
  const auto& reference = info.reference;
  const auto layout = layout_of(reference, config);
  auto x = reorder(in.at("x"), layout);
  if (const auto lengths = in.find("lengths"); reference.lengths_only_mask && lengths != in.end())
    x = zero_padding(x, valid_steps(lengths->second.to(at::kLong), x));
  const auto mixer = build(info, config);
  mixer->to(x.scalar_type());
  const auto imported = mixer->import_reference(weights_of(*mixer, in, param));
  mixer->load(imported, path);
  mixer->train();
  if (reference.prepare) reference.prepare(*mixer, in);

  FixtureRun result;
  mixer->trace = &result.out;
  auto state = start(*mixer, reference, in, x.size(0));
  const bool carried = !state.empty();
  const auto y = mixer->forward(x, {}, carried ? &state : nullptr);
  mixer->trace = nullptr;
  result.out["y"] = reorder(y, layout);
  result.after_backward = [mixer, imported] { map_gradients(*mixer, imported); };
  if (reference.final_state && mixer->properties().streams) {
    if (!carried) {
      const at::NoGradGuard no_grad;
      state = mixer->initial_state(x.size(0));
      const auto streamed = mixer->forward(x.detach(), {}, &state);
      const auto difference = (streamed - y.detach()).abs().max().item<double>();
      const auto largest = std::max(1e-30, y.detach().abs().max().item<double>());
      check(difference <= 1e-4 * largest, path, ": the output with a carried state is off by ", difference / largest);
    }
    for (const auto& [name, tensor] : reference.final_state(state)) result.out[name] = tensor;
  }
  return result;
}

const RegisterFixtureCheck registered({
    [](const Fixture& fixture) {
      return implementation(fixture.system_id) && fixture.has("in.x") && !fixture.has("in.ctx");
    },
    [](const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
      const auto& info = *implementation(fixture.system_id);
      report.hint = about_unread_keys(fixture.config, [&](const Json& config) {
        auto meaning = mixer_meaning(info, config);
        meaning["layout"] = layout_of(info.reference, config);
        return meaning;
      });
      check_with_gradients(fixture, report, [&](const TensorMap& in, const TensorMap& param, Json config) {
        config.emplace("case", fixture.name);  // some say what they are by their name alone
        return run(info, fixture.path, in, param, config);
      });
    },
});

}  // namespace
}  // namespace longwave
