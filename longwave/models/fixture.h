#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/io/safetensors.h"
#include "longwave/nn/module.h"

namespace longwave {

/// Numbers of an independent implementation to compare ours with. Names of its tensors: in.* inputs, param.* weights
/// under the reference's names, out.* results (out.mid.* intermediates), grad.* gradients. Metadata: system_id (what it
/// is about), case, config (JSON).
class Fixture {
 public:
  /// UserError if the file is damaged or its config is no JSON object.
  explicit Fixture(const std::filesystem::path& path);

  std::string path, name, system_id;
  Json config;

  /// All tensors with this prefix, which is cut off.
  TensorMap with_prefix(const std::string& prefix) const;
  bool has(const std::string& tensor) const { return file_.tensors().count(tensor) > 0; }
  at::Tensor tensor(const std::string& name) const;
  /// An undefined tensor if absent.
  at::Tensor tensor_or_none(const std::string& name) const { return has(name) ? tensor(name) : at::Tensor(); }
  /// "" if absent.
  std::string metadata(const std::string& key) const;
  /// The tolerance that the metadata states under `key`, else `fallback`.
  double tolerance(const std::string& key, double fallback) const;

 private:
  SafetensorsFile file_;
};

struct Comparison {
  std::string name;
  double error = 0, tolerance = 0;
  bool ok() const { return error <= tolerance; }  // false for NaN
};

/// What became of one fixture. Everything that the fixture expects is either compared or listed as not compared.
struct FixtureReport {
  std::string name;
  std::string skipped;  // why it was not run
  std::string failed;   // why it could not be run, although it should
  std::string hint;     // what may explain a failure
  std::vector<Comparison> compared;
  std::vector<std::string> not_compared;

  bool ok() const;
  /// The comparison that uses most of its tolerance; none if nothing was compared.
  const Comparison* worst() const;

  /// Largest absolute difference relative to the largest expected value, or to `scale` where that is larger. Tensors of
  /// different shape are infinitely far apart.
  void compare(const std::string& name, const at::Tensor& got, const at::Tensor& expected, double tolerance,
               double scale = 0);
  /// Largest absolute difference.
  void compare_absolute(const std::string& name, const at::Tensor& got, const at::Tensor& expected, double tolerance);
};

struct FixtureOptions {
  std::filesystem::path data;  // where data sets lie; empty: as everywhere else (see data_roots)
};

/// One way to check fixtures. The first registered one that applies to a fixture runs it.
struct FixtureCheck {
  std::function<bool(const Fixture&)> applies;
  /// Fills the report; throws UserError or c10::Error if the fixture cannot be run, which is a failure.
  std::function<void(const Fixture&, const FixtureOptions&, FixtureReport&)> run;
};

std::vector<FixtureCheck>& fixture_checks();

/// At namespace scope of the file that knows how: const RegisterFixtureCheck registered({applies, run});
struct RegisterFixtureCheck {
  explicit RegisterFixtureCheck(FixtureCheck check) { fixture_checks().push_back(std::move(check)); }
};

/// Runs the fixture of that path. Never throws for what the file contains: defects are failures of the report.
FixtureReport run_fixture(const std::filesystem::path& path, const FixtureOptions& options = {});

}  // namespace longwave
