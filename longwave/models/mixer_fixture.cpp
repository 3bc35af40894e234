// Fixtures of registered mixers: builds the mixer that the metadata describe, loads the reference's weights, runs it,
// and compares outputs, intermediates, final states and gradients.

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/mixers/mixer.h"
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
  check(layout == "btd", "layout is '", layout, "'; expected btd, bdt or tbd");
  return x;
}

/// What the configuration means for this mixer.
std::pair<MixerSizes, Json> meaning(const MixerInfo& info, const Json& config) {
  MixerSizes sizes;
  Json settings = config;
  info.reference.configure(config, sizes, settings);
  return {sizes, settings};
}

std::shared_ptr<SequenceMixer> build(const MixerInfo& info, const Json& config) {
  auto [sizes, settings] = meaning(info, config);
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

/// The keys that nothing here reads: remarks, or options that are not known. A key is read if it is a field of the
/// mixer, or if its absence changes what the configuration means.
std::vector<std::string> unread_keys(const MixerInfo& info, const Json& config) {
  const auto [sizes, settings] = meaning(info, config);
  const auto is_read = [&](const std::string& key) {
    if (std::any_of(info.fields.begin(), info.fields.end(), [&](const auto& f) { return f.name == key; })) return true;
    auto without = config;
    without.erase(key);
    try {
      auto [other_sizes, other] = meaning(info, without);
      if (settings.contains(key)) other[key] = settings[key];
      return other != settings || other_sizes.d != sizes.d || other_sizes.l_max != sizes.l_max;
    } catch (const Json::exception&) {
      return true;  // it must be there
    }
  };
  std::vector<std::string> unread;
  for (const auto& item : config.items())
    if (!is_read(item.key())) unread.push_back(item.key());
  return unread;
}

FixtureRun run(const MixerInfo& info, const std::string& path, const TensorMap& in, const TensorMap& param,
               const Json& config) {
  const auto& reference = info.reference;
  const auto& x = in.at("x");
  const auto layout = reference.layout_of ? reference.layout_of(config) : reference.layout;
  const auto mixer = build(info, config);
  mixer->to(x.scalar_type());
  // Buffers of the reference's modules lie beside its inputs, some without the names of their owners.
  auto weights = param;
  for (const auto& [name, tensor] : in) {
    const auto plain = name.starts_with("buffer.") ? name.substr(7) : name;
    if (plain != name) weights[plain] = tensor;
    for (const auto& buffer : mixer->named_buffers())
      if (buffer.key() == plain || buffer.key().ends_with("." + plain)) weights[buffer.key()] = tensor;
  }
  const auto imported = mixer->import_reference(weights);
  mixer->load(imported, path);
  mixer->train();

  FixtureRun result;
  mixer->trace = &result.out;
  State state;
  if (reference.initial_state) state = reference.initial_state(in);
  const bool carried = !state.empty();
  const auto y = mixer->forward(reorder(x, layout), {}, carried ? &state : nullptr);
  mixer->trace = nullptr;
  result.out["y"] = reorder(y, layout);
  result.after_backward = [mixer, imported] { map_gradients(*mixer, imported); };
  if (reference.final_state && mixer->properties().streams) {
    if (!carried) {
      const at::NoGradGuard no_grad;
      state = mixer->initial_state(x.size(layout == "tbd" ? 1 : 0));
      const auto streamed = mixer->forward(reorder(x.detach(), layout), {}, &state);
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
      if (const auto unread = unread_keys(info, fixture.config); !unread.empty())
        report.hint = "keys of its config that are not read here: " + join(unread);
      check_with_gradients(fixture, report, [&](const TensorMap& in, const TensorMap& param, Json config) {
        config.emplace("case", fixture.name);               // some say what they are by their name alone,
        auto& weights = config["weights"] = Json::array();  // or by the weights that they have
        for (const auto& item : param) weights.push_back(item.first);
        return run(info, fixture.path, in, param, config);
      });
    },
});

}  // namespace
}  // namespace longwave
