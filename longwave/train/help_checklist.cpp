#include "longwave/train/help_checklist.h"

namespace longwave {
namespace {

/// Language sets say nothing of their input: it is tokens.
std::string input(const Json& model, const Json& about) {
  if (about.value("input", "tokens") == "values") return "numbers, linear map";
  return model.at("cutoffs").empty() ? "tokens, embedding table" : "tokens, adaptive embedding";
}

/// Those added to the embedded steps, and those that a field of the mixer turns on.
std::string positions(const Json& model) {
  const auto& mixer = model.at("mixer");
  const auto added = model.at("positions").get<std::string>();
  const bool rotary = mixer.value("rotary", "none") != "none" || mixer.value("use_rope", false);
  if (!rotary) return added;
  return added == "none" ? "rotary" : added + ", rotary";
}

std::string pooling(const Json& model, SequenceGoal goal) {
  const auto pool = model.at("pool").get<std::string>();
  if (goal == SequenceGoal::classify) return pool;
  if (goal == SequenceGoal::classify_pair) return pool + ", pair head " + model.at("pair_head").get<std::string>();
  return "none";
}

}  // namespace

Json help_checklist(const Recipe& recipe, SequenceGoal goal, SequenceModel& model, const Json& about) {
  const auto& config = recipe.model_config;
  const auto& protocol = recipe.train.protocol;
  const auto before = protocol != "scratch"             ? protocol + ", on the inputs of the training split"
                      : recipe.train.start_from.empty() ? "none"
                                                        : "weights of " + recipe.train.start_from;
  return {{"input", input(config, about)},
          {"positions", positions(config)},
          {"augmentation", about.value("augmentation", "none")},
          {"extra_data", recipe.sequence.fresh ? "new samples for every step" : "none"},
          {"pretraining", before},
          {"auxiliary_losses", "none"},
          {"pooling", pooling(config, goal)},
          {"directions", model.backbone().properties().causal ? "forward" : "both"},
          {"parameters", model.parameter_count()}};
}

}  // namespace longwave
