#pragma once

#include <gtest/gtest.h>

#include "longwave/models/forecaster.h"
#include "longwave/nn/tensor_file.h"

namespace longwave::testing {

/// A forecasting fixture of tests/golden/forecasting with the model that it describes, its weights loaded.
struct ForecastFixture {
  explicit ForecastFixture(const std::string& name)
      : file(std::string(LONGWAVE_SOURCE_DIR "/tests/golden/forecasting/") + name + ".safetensors"),
        tensors(read_tensors(file)) {
    const auto config = Json::parse(file.metadata().at("config"));
    const auto number = [&](const char* key) { return config.at(key).get<std::int64_t>(); };
    ForecastSizes sizes;
    sizes.lookback = number("seq_len");
    sizes.horizon = number("pred_len");
    sizes.channels = number("enc_in");
    sizes.targets = number("number_of_targets") ? number("number_of_targets") : sizes.channels;
    sizes.label = number("label_len");
    const auto& info = find_forecaster(file.metadata().at("system_id"));
    model = info.make(sizes, info.resolve(settings_from_json(config, name), "model", /*ignore_unknown=*/true), 1);
    model->load(model->import_reference(read_tensors(file, "param.")), name);
  }

  const at::Tensor& at(const std::string& name) const { return tensors.at(name); }
  bool has(const std::string& name) const { return tensors.count(name) > 0; }

  SafetensorsFile file;
  TensorMap tensors;
  std::shared_ptr<Forecaster> model;
};

/// Largest difference relative to the largest expected value.
inline double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
  EXPECT_EQ(actual.numel(), expected.numel());
  if (actual.numel() != expected.numel()) return 1e30;
  const auto difference = (actual.detach().reshape(expected.sizes()) - expected).abs().max().item<double>();
  const auto largest = expected.abs().max().item<double>();
  return difference / (largest > 0 ? largest : 1);
}

}  // namespace longwave::testing
