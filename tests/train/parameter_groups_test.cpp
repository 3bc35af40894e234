#include "longwave/train/parameter_groups.h"

#include <gtest/gtest.h>

#include "longwave/models/classifier.h"

namespace longwave {
namespace {

Classifier model_of(const std::string& mixer) {
  ClassifierConfig config;
  config.tokens = 5;
  config.backbone.mixer = mixer;
  config.backbone.d_model = 16;
  config.backbone.layers = 2;
  config.backbone.l_max = 16;
  return Classifier(config, 1);
}

/// The largest change of every parameter in one step with gradients of one.
std::map<std::string, double> moved(const TrainConfig& config) {
  auto model = model_of("mamba");
  AdamW optimizer(model, {.beta2 = 0.99, .epsilon = 1e-8, .weight_decay = config.weight_decay},
                  treatments(model, config));
  std::map<std::string, at::Tensor> before;
  for (const auto& item : model.named_parameters()) {
    before[item.key()] = item.value().detach().clone();
    item.value().mutable_grad() = at::zeros_like(item.value());
    if (item.key().ends_with("A_log") || item.key().ends_with("in_proj.weight")) item.value().mutable_grad().fill_(1);
  }
  optimizer.step(config.learning_rate, 0.9);
  std::map<std::string, double> changes;
  for (const auto& item : model.named_parameters())
    changes[item.key()] = (item.value().detach() - before[item.key()]).abs().max().item<double>();
  return changes;
}

const std::string kState = "backbone.layers.0.mixer.A_log", kMatrix = "backbone.layers.0.mixer.in_proj.weight",
                  kNorm = "backbone.layers.0.mixer_norm.weight";

TEST(ParameterGroups, StateParametersHaveTheirOwnRateAndNoDecay) {
  TrainConfig config;
  config.learning_rate = 0.01;
  config.weight_decay = 0;
  config.state_learning_rate = 0.001;
  const auto changes = moved(config);
  EXPECT_NEAR(changes.at(kState), 0.001, 1e-6);
  EXPECT_NEAR(changes.at(kMatrix), 0.01, 1e-6);
  config.state_learning_rate = 0;
  EXPECT_NEAR(moved(config).at(kState), 0.01, 1e-6) << "0 is the common rate";
}

TEST(ParameterGroups, SingleParametersHaveRatesOfTheirOwn) {
  TrainConfig config;
  config.learning_rate = 0.01;
  config.weight_decay = 0;
  config.state_learning_rate = 0.001;
  config.rates = "mixer.A_log=0.004, in_proj.weight=2e-3";
  const auto changes = moved(config);
  EXPECT_NEAR(changes.at(kState), 0.004, 1e-6);
  EXPECT_NEAR(changes.at(kMatrix), 0.002, 1e-6);
  config.weight_decay = 0.5;
  config.rates = "mixer_norm.weight=0.1";
  EXPECT_NEAR(moved(config).at(kNorm), 0.1 * 0.5, 1e-6) << "the decay is the common one";
}

TEST(ParameterGroups, RatesThatMeanNothingAreRefused) {
  for (const auto& [rates, message] : {
           std::pair{"A_log", "train.rates has 'A_log'; expected name=rate, such as inv_dt=0.01, separated by commas"},
           {"A_log=inf", "train.rates has 'A_log=inf'; expected name=rate, such as inv_dt=0.01, separated by commas"},
           {"D=1e-3, A_log=fast",
            "train.rates has 'A_log=fast'; expected name=rate, such as inv_dt=0.01, separated by commas"},
           {"D=1e-3,,", "train.rates has ''; expected name=rate, such as inv_dt=0.01, separated by commas"},
           {"log=1", "train.rates: the model has no parameter whose name ends in 'log'; known: A_log, D, bias, weight"},
       }) {
    TrainConfig config;
    config.rates = rates;
    try {
      treatments(model_of("mamba"), config);
      ADD_FAILURE() << rates << " was accepted";
    } catch (const UserError& error) {
      EXPECT_EQ(std::string(error.what()), message);
    }
  }
}

TEST(ParameterGroups, RealStatesHaveNoImaginaryPole) {
  ClassifierConfig config;
  config.tokens = 5;
  config.backbone = {.mixer = "s4d", .mixer_settings = {{"is_real", true}, {"init", "diag-real"}}};
  config.backbone.d_model = 16;
  EXPECT_FALSE(treatments(Classifier(config, 1), {}).empty());
}

TEST(ParameterGroups, DecayCanSpareNormsAndBiases) {
  TrainConfig config;
  config.learning_rate = 0.01;
  config.weight_decay = 0.5;
  EXPECT_NEAR(moved(config).at(kNorm), 0.01 * 0.5, 1e-6) << "a norm's weight of one shrinks";
  config.decay = "matrices";
  EXPECT_EQ(moved(config).at(kNorm), 0);
  EXPECT_GT(moved(config).at("encoder.weight"), 0);
}

TEST(ParameterGroups, EveryStateSpaceMixerSaysWhichTheyAre) {
  for (const auto& [name, info] : mixers()) {
    if (info.family != "state space" || name == "lssl") continue;  // lssl keeps its system fixed by default
    const auto model = model_of(name);
    EXPECT_FALSE(state_parameter_names(model).empty()) << name;
  }
}

TEST(ParameterGroups, WhatThePapersSpareFromDecayIsAmongThem) {
  for (const auto& [mixer, parameter] : std::map<std::string, std::string>{{"mamba", "D"},
                                                                           {"mamba2", "D"},
                                                                           {"dss", "kernel.W"},
                                                                           {"sgconv", "kernel_list.0"},
                                                                           {"hyena", "filter_fn.pos_emb.z"},
                                                                           {"gated_deltanet", "A_log"}}) {
    const auto names = state_parameter_names(model_of(mixer));
    EXPECT_EQ(std::count_if(names.begin(), names.end(),
                            [&](const auto& name) { return name.ends_with("mixer." + parameter); }),
              2)
        << mixer;
  }
}

TEST(ParameterGroups, OtherMixersHaveNone) {
  for (const std::string name : {"attention", "linear_attention", "mingru"})
    EXPECT_TRUE(state_parameter_names(model_of(name)).empty()) << name;
}

}  // namespace
}  // namespace longwave
