#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "longwave/models/fixture.h"
#include "longwave/nn/tensor_file.h"

namespace longwave::testing {

/// A fixture of tests/golden, to be changed and run from a file of its own.
struct StoredFixture {
  StoredFixture() = default;
  explicit StoredFixture(const std::string& name) { load(name); }

  void load(const std::string& name) {
    const SafetensorsFile file(LONGWAVE_SOURCE_DIR "/tests/golden/" + name + ".safetensors");
    tensors = read_tensors(file);
    metadata = file.metadata();
  }
  at::Tensor& operator[](const std::string& name) { return tensors[name]; }
  const at::Tensor& at(const std::string& name) const { return tensors.at(name); }

  Json config() const { return Json::parse(metadata.at("config")); }
  void configure(const std::string& key, const Json& value) {
    auto changed = config();
    changed[key] = value;
    metadata["config"] = changed.dump();
  }
  void rename(const std::string& from, const std::string& to) {
    auto node = tensors.extract(from);
    ASSERT_FALSE(node.empty()) << from;
    node.key() = to;
    tensors.insert(std::move(node));
  }
  void rename_weight(const std::string& from, const std::string& to) {
    for (const std::string prefix : {"param.", "grad.param."}) rename(prefix + from, prefix + to);
  }
  /// Of a tensor and its gradient.
  void each(const std::string& name, const std::function<at::Tensor(const at::Tensor&)>& change) {
    for (const auto& full : {name, "grad." + name}) tensors[full] = change(tensors.at(full));
  }
  /// Removes the tensors whose names start like this.
  void drop(const std::string& prefix) {
    std::erase_if(tensors, [&](const auto& item) { return item.first.starts_with(prefix); });
  }
  void drop_gradients() {
    drop("grad.");
    drop("in.w");
    drop("out.loss");
  }
  FixtureReport run() const {
    auto contiguous = tensors;
    for (auto& [name, tensor] : contiguous) tensor = tensor.contiguous();
    write_tensors(path, contiguous, metadata);
    auto report = run_fixture(path);
    std::filesystem::remove(path);
    return report;
  }

  TensorMap tensors;
  std::map<std::string, std::string> metadata;
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("longwave_fixture_" + std::to_string(getpid()) + ".safetensors");
};

/// The same as a test that has one.
class ChangedFixture : public ::testing::Test, public StoredFixture {
 protected:
  void TearDown() override { std::filesystem::remove(path); }
};

}  // namespace longwave::testing
