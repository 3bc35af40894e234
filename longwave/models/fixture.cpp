#include "longwave/models/fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>
#include <stdexcept>

#include "longwave/base/check.h"
#include "longwave/nn/tensor_file.h"

namespace longwave {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// b - a, zero where both are the same infinity.
at::Tensor difference(const at::Tensor& a, const at::Tensor& b) {
  return at::where(a == b, at::zeros({}, a.options()), b - a);
}

double largest(const at::Tensor& x) { return x.numel() == 0 ? 0 : x.abs().max().item<double>(); }

bool same_shape(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() || (a.numel() == 1 && b.numel() == 1);
}

at::Tensor as_double(const at::Tensor& x) {
  const auto plain = x.detach();
  return (plain.is_complex() ? at::view_as_real(plain) : plain).to(at::kDouble);
}

/// Every stored output that nothing was compared with is listed, and a fixture whose outputs were all left out fails.
void account_for_outputs(const Fixture& fixture, FixtureReport& report) {
  const auto compared = [&](const std::string& name) {
    return std::any_of(report.compared.begin(), report.compared.end(),
                       [&](const auto& c) { return c.name == name || c.name.starts_with(name + " ("); });
  };
  std::size_t outputs = 0, checked = 0;
  for (const auto& [rest, tensor] : fixture.with_prefix("out.")) {
    const auto name = "out." + rest;
    const bool done = compared(name), main = !rest.starts_with("mid.");
    outputs += main;
    checked += main && done;
    const auto& listed = report.not_compared;
    if (!done && std::find(listed.begin(), listed.end(), name) == listed.end()) report.not_compared.push_back(name);
  }
  if (fixture.has("out.pred") && !compared("out.pred"))
    report.failed = "out.pred was not compared";
  else if (outputs > 0 && checked == 0)
    report.failed = "none of its outputs could be compared";
}

/// Python writes numbers that JSON has not: NaN, here null, and Infinity, here one at the end of float's range.
Json read_config(const std::string& text) {
  auto config = Json::parse(text, nullptr, false);
  if (!config.is_discarded()) return config;
  const auto known = std::regex_replace(text, std::regex("\\bInfinity\\b"), "3e38");
  return Json::parse(std::regex_replace(known, std::regex("\\bNaN\\b"), "null"), nullptr, false);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// Without the words in brackets that the library puts before it.
std::string message_of(const Json::exception& error) {
  const std::string text = error.what();
  const auto end = text.find("] ");
  return end == std::string::npos ? text : text.substr(end + 2);
}

std::string stored_tensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : file.tensors()) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Fixture::Fixture(const std::filesystem::path& from) : path(from.string()), file_(from) {
  system_id = metadata("system_id");
  name = metadata("case").empty() ? from.stem().string() : metadata("case");
  const auto text = metadata("config");
  config = text.empty() ? Json::object() : read_config(text);
  check(config.is_object(), path, ": config in the metadata is no JSON object");
}

std::string Fixture::metadata(const std::string& key) const {
  const auto found = file_.metadata().find(key);
  return found == file_.metadata().end() ? "" : found->second;
}

at::Tensor Fixture::tensor(const std::string& tensor_name) const { return to_tensor(file_.at(tensor_name)); }

TensorMap Fixture::with_prefix(const std::string& prefix) const { return read_tensors(file_, prefix); }

double Fixture::tolerance(const std::string& key, double fallback) const {
  const auto text = metadata(key);
  if (text.empty()) return fallback;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  check(*end == 0 && value >= 0, path, ": metadata ", key, " is '", text, "'; expected a number >= 0");
  return value;
}

bool FixtureReport::ok() const {
  return failed.empty() && skipped.empty() && !compared.empty() &&
         std::all_of(compared.begin(), compared.end(), [](const auto& c) { return c.ok(); });
}

const Comparison* FixtureReport::worst() const {
  const auto used = [](const Comparison& c) {
    return std::isnan(c.error) ? kInfinity : c.error / std::max(c.tolerance, 1e-300);
  };
  const auto found = std::max_element(compared.begin(), compared.end(),
                                      [&](const auto& a, const auto& b) { return used(a) < used(b); });
  return found == compared.end() ? nullptr : &*found;
}

void FixtureReport::compare(const std::string& what, const at::Tensor& got, const at::Tensor& expected,
                            double tolerance, double scale) {
  const auto reference = as_double(expected);
  const auto unit = std::max(largest(reference.masked_fill(reference.isinf(), 0)), scale);
  compare_absolute(what, got, expected, tolerance);
  if (unit > 0) compared.back().error /= unit;
}

void FixtureReport::compare_absolute(const std::string& what, const at::Tensor& got, const at::Tensor& expected,
                                     double tolerance) {
  const auto a = as_double(got), b = as_double(expected);
  if (!same_shape(a, b)) {
    const auto shapes =
        fmt::format("{} (is [{}], expected [{}])", what, fmt::join(a.sizes(), ", "), fmt::join(b.sizes(), ", "));
    compared.push_back({shapes, kInfinity, tolerance});
  } else {
    compared.push_back({what, largest(difference(a.reshape(b.sizes()), b)), tolerance});
  }
}

std::vector<FixtureCheck>& fixture_checks() {
  static std::vector<FixtureCheck> checks;
  return checks;
}

FixtureReport run_fixture(const std::filesystem::path& path, const FixtureOptions& options) {
  FixtureReport report;
  report.name = path.stem().string();
  try {
    const Fixture fixture(path);
    report.name = fixture.name;
    const auto& checks = fixture_checks();
    const auto found = std::find_if(checks.begin(), checks.end(), [&](const auto& c) { return c.applies(fixture); });
    if (fixture.system_id.empty())
      report.skipped = "no system_id in its metadata";
    else if (found == checks.end())
      report.skipped = "nothing here implements system_id '" + fixture.system_id + "'";
    else
      found->run(fixture, options, report);
    if (report.skipped.empty()) account_for_outputs(fixture, report);
    if (report.skipped.empty() && report.compared.empty()) report.failed = "nothing in it could be compared";
  } catch (const UserError& error) {
    report.failed = first_line(error.what());
  } catch (const c10::Error& error) {
    report.failed = path.string() + ": its tensors do not fit: " + first_line(error.what_without_backtrace());
  } catch (const Json::exception& error) {
    report.failed = path.string() + ": config in the metadata: " + message_of(error);
  } catch (const std::out_of_range&) {
    report.failed =
        path.string() + ": a tensor that fixtures of its system_id have is missing; stored are " + stored_tensors(path);
  } catch (const std::exception& error) {
    report.failed = first_line(error.what());
  }
  return report;
}

}  // namespace longwave
