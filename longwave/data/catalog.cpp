#include "longwave/data/catalog.h"

#include <algorithm>
#include <cctype>

#include "longwave/base/suggest.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

const std::string kEtt = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/";
const std::string kCollection = "the collection of data sets that github.com/thuml/Time-Series-Library links to";

DataSet ett(const std::string& name, Protocol protocol, std::int64_t rows, const std::string& sha256) {
  return {
      name,
      {},
      protocol,
      {"ETT", "ETT-small", "ETDataset/ETT-small"},
      {name + ".csv"},
      true,
      true,
      rows,
      7,
      protocol == Protocol::ett_hour ? "transformer oil temperature and load, hourly" : "the same, every 15 minutes",
      kEtt + name + ".csv",
      "",
      sha256};
}

DataSet custom(const std::string& name, std::vector<std::string> aliases, std::vector<std::string> folders,
               std::vector<std::string> files, std::int64_t rows, std::int64_t columns, const std::string& about,
               const std::string& source = kCollection) {
  return {name,
          std::move(aliases),
          Protocol::custom,
          std::move(folders),
          std::move(files),
          true,
          true,
          rows,
          columns,
          about,
          "",
          source,
          ""};
}

DataSet pems(const std::string& number, std::int64_t rows, std::int64_t sensors) {
  const auto name = "PEMS" + number;
  return {name,
          {"pems" + number},
          Protocol::pems,
          {"PEMS", name},
          {name + ".npz"},
          false,
          false,
          rows,
          sensors,
          "traffic flow of Californian sensors, every 5 minutes",
          "",
          "the data sets that github.com/thuml/iTransformer links to",
          ""};
}

std::vector<DataSet> make_catalog() {
  DataSet solar{"solar",
                {"solar_energy", "solar_al"},
                Protocol::solar,
                {"Solar", "solar", "solar-energy"},
                {"solar_AL.txt"},
                false,
                false,
                52560,
                137,
                "solar power of 137 plants in Alabama, every 10 minutes",
                "https://raw.githubusercontent.com/laiguokun/multivariate-time-series-data/master/solar-energy/"
                "solar_AL.txt.gz",
                "",
                ""};
  auto solar_part =
      custom("solar_AL_12ch", {"solar_12ch"}, {"solar_12ch", "Solar"}, {"solar_AL_12ch.csv"}, 52560, 12,
             "12 of the 137 plants of solar: not comparable with published scores", "made of 12 columns of solar");
  auto metr = custom("metr_la_week", {"metr_la"}, {"metr_la_week", "METR-LA"}, {"los_speed.csv"}, 2016, 207,
                     "speeds of 207 loop detectors in Los Angeles, one week, every 5 minutes",
                     "data/los_speed.csv of github.com/lehaifeng/T-GCN");
  solar_part.dates = metr.dates = false;
  return {
      ett("ETTh1", Protocol::ett_hour, 17420, "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"),
      ett("ETTh2", Protocol::ett_hour, 17420, ""),
      ett("ETTm1", Protocol::ett_minute, 69680, "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e"),
      ett("ETTm2", Protocol::ett_minute, 69680, ""),
      custom("weather", {}, {"weather"}, {"weather.csv"}, 52696, 21, "21 weather indicators, every 10 minutes, 2020"),
      custom("exchange_rate", {"exchange"}, {"exchange_rate"}, {"exchange_rate.csv"}, 7588, 8,
             "daily exchange rates of 8 countries, 1990-2010"),
      custom("national_illness", {"illness", "ILI"}, {"illness", "national_illness"}, {"national_illness.csv"}, 966, 7,
             "influenza-like illness in the USA, weekly, 2002-2020"),
      custom("electricity", {"ECL"}, {"electricity", "ECL"}, {"electricity.csv", "ECL.csv"}, 26304, 321,
             "hourly electricity consumption of 321 clients"),
      custom("traffic", {}, {"traffic"}, {"traffic.csv"}, 17544, 862, "hourly road occupancy at 862 sensors"),
      solar,
      pems("03", 26208, 358),
      pems("04", 16992, 307),
      pems("07", 28224, 883),
      pems("08", 17856, 170),
      custom("electricity_6ch", {}, {"electricity_6ch", "electricity"}, {"electricity_6ch.csv"}, 26304, 6,
             "6 of the 321 clients of electricity: not comparable with published scores",
             "made of 6 columns of electricity"),
      custom("traffic_6ch", {}, {"traffic_6ch", "traffic"}, {"traffic_6ch.csv"}, 17544, 6,
             "6 of the 862 sensors of traffic: not comparable with published scores", "made of 6 columns of traffic"),
      solar_part,
      metr,
  };
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

const std::vector<DataSet>& catalog() {
  static const auto sets = make_catalog();
  return sets;
}

const DataSet* find_data_set(const std::string& name) {
  const auto wanted = lower(name);
  for (const auto& set : catalog()) {
    if (lower(set.name) == wanted) return &set;
    for (const auto& alias : set.aliases)
      if (lower(alias) == wanted) return &set;
  }
  return nullptr;
}

const DataSet* data_set_of_file(const fs::path& path) {
  auto name = path.filename().string();
  if (name.ends_with(".gz") || name.ends_with(".xz")) name.resize(name.size() - 3);
  for (const auto& set : catalog())
    if (std::find(set.files.begin(), set.files.end(), name) != set.files.end()) return &set;
  return nullptr;
}

std::vector<fs::path> places_of(const DataSet& set, const std::vector<fs::path>& roots) {
  std::vector<fs::path> places;
  for (const auto& root : roots)
    for (const char* collection : {"", "all_datasets", "all_six_datasets", "dataset", "datasets", "forecasting"}) {
      auto folders = set.folders;
      folders.insert(folders.begin(), "");
      for (const auto& folder : folders)
        for (const auto& file : set.files)
          for (const char* packed : {"", ".xz", ".gz"}) {
            auto place = root;
            if (*collection) place /= collection;
            if (!folder.empty()) place /= folder;
            places.push_back(place / (file + packed));
          }
    }
  return places;
}

fs::path locate(const DataSet& set, const std::vector<fs::path>& roots) {
  std::error_code ignored;
  for (const auto& place : places_of(set, roots))
    if (fs::is_regular_file(place, ignored)) return place;
  return {};
}

std::string expected_tree() {
  std::string tree;
  for (const auto& set : catalog()) tree += "  " + join(set.folders) + ": " + join(set.files, " or ") + "\n";
  return tree;
}

}  // namespace longwave
