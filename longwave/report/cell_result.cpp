#include <openssl/evp.h>

#include <cmath>

#include "longwave/report/store.h"

namespace longwave {
namespace {

/// JSON has no NaN: a number that is not finite is stored as null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }
double number_from(const Json& json) { return json.is_number() ? json.get<double>() : std::nan(""); }

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double v : values) list.push_back(number(v));
  return list;
}
std::vector<double> numbers_from(const Json& json) {
  std::vector<double> values;
  for (const auto& v : json) values.push_back(number_from(v));
  return values;
}

}  // namespace

std::string content_hash(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += {kHex[digest[i] >> 4], kHex[digest[i] & 15]};
  return hex;
}

std::string CellId::key() const {
  const nlohmann::json sorted = {{"task", task},
                                 {"data", data},
                                 {"model", model},
                                 {"horizon", horizon},
                                 {"lookback", lookback},
                                 {"seed", seed},
                                 {"recipe", nlohmann::json(recipe)}};
  return content_hash(sorted.dump());
}

Json to_json(const CellResult& r) {
  Json json;
  for (const auto& [name, value] : r.scores) json["scores"][name] = number(value);
  json["selected_by"] = r.selected_by;
  json["parameters"] = r.parameters;
  json["flops"] = number(r.flops);
  json["seconds_per_step"] = number(r.seconds_per_step);
  json["batch_size"] = r.batch_size;
  json["peak_memory"] = number(r.peak_memory);
  json["epochs"] = r.epochs;
  json["best_epoch"] = r.best_epoch;
  json["best_step"] = r.best_step;
  json["total_seconds"] = number(r.total_seconds);
  json["capped"] = r.capped;
  json["curve"] = Json::array();
  for (const auto& p : r.curve)
    json["curve"].push_back({{"epoch", p.epoch}, {"train", number(p.train)}, {"val", number(p.val)}});
  json["forecasts"] = Json::array();
  for (const auto& f : r.forecasts)
    json["forecasts"].push_back({{"channel", f.channel},
                                 {"history", numbers(f.history)},
                                 {"truth", numbers(f.truth)},
                                 {"forecast", numbers(f.forecast)}});
  json["metric"] = r.metric;
  if (r.test_touches) json["test_touches"] = *r.test_touches;
  json["about"] = r.about;
  json["environment"] = r.environment;
  return json;
}

CellResult cell_result_from_json(const Json& json) {
  CellResult r;
  if (json.contains("scores"))
    for (const auto& [name, value] : json["scores"].items()) r.scores[name] = number_from(value);
  r.selected_by = json.value("selected_by", "");
  r.parameters = json.value("parameters", std::int64_t{0});
  r.flops = number_from(json.at("flops"));
  r.seconds_per_step = number_from(json.at("seconds_per_step"));
  r.batch_size = json.value("batch_size", std::int64_t{0});
  r.peak_memory = number_from(json.at("peak_memory"));
  r.epochs = json.value("epochs", std::int64_t{0});
  r.best_epoch = json.value("best_epoch", std::int64_t{0});
  r.best_step = json.value("best_step", std::int64_t{0});
  r.total_seconds = number_from(json.at("total_seconds"));
  r.capped = json.value("capped", false);
  for (const auto& p : json.at("curve"))
    r.curve.push_back({p.at("epoch").get<std::int64_t>(), number_from(p.at("train")), number_from(p.at("val"))});
  for (const auto& f : json.at("forecasts"))
    r.forecasts.push_back({f.at("channel").get<std::string>(), numbers_from(f.at("history")),
                           numbers_from(f.at("truth")), numbers_from(f.at("forecast"))});
  r.metric = json.value("metric", r.metric);
  if (json.contains("test_touches")) r.test_touches = json["test_touches"].get<std::int64_t>();
  r.about = json.value("about", Json::object());
  r.environment = json.value("environment", Json::object());
  return r;
}

}  // namespace longwave
