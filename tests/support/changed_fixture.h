#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>

#include "longwave/models/fixture.h"
#include "longwave/nn/tensor_file.h"

namespace longwave::testing {

/// A fixture of tests/golden with something changed, as another file.
class ChangedFixture : public ::testing::Test {
 public:
  void load(const std::string& name) {
    const SafetensorsFile file(LONGWAVE_SOURCE_DIR "/tests/golden/" + name + ".safetensors");
    tensors = read_tensors(file);
    metadata = file.metadata();
  }
  void configure(const std::string& key, const Json& value) {
    auto config = Json::parse(metadata.at("config"));
    config[key] = value;
    metadata["config"] = config.dump();
  }
  /// Removes the tensors whose names start like this.
  void drop(const std::string& prefix) {
    std::erase_if(tensors, [&](const auto& item) { return item.first.starts_with(prefix); });
  }
  FixtureReport run() {
    for (auto& [name, tensor] : tensors) tensor = tensor.contiguous();
    write_tensors(path, tensors, metadata);
    return run_fixture(path);
  }

  TensorMap tensors;
  std::map<std::string, std::string> metadata;

 protected:
  void TearDown() override { std::filesystem::remove(path); }

  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("longwave_fixture_" + std::to_string(getpid()) + ".safetensors");
};

}  // namespace longwave::testing
