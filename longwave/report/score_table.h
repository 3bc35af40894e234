#pragma once

#include <map>
#include <string>
#include <vector>

#include "longwave/report/statistics.h"
#include "longwave/report/table.h"

namespace longwave {

/// What is known of one model on one row: a value per seed for each metric, and remarks that become footnotes.
struct ScoreEntry {
  std::map<std::string, std::vector<double>> values;
  std::vector<std::string> remarks;  // "time limit of 30 min reached", "failed: ..."
};

/// One row: data set and horizon, and what every model did there.
struct ScoreRow {
  std::vector<std::string> labels;
  std::map<std::string, ScoreEntry> entries;  // by model; empty: a row of labels alone, such as a known limit
};

/// The table as papers print it. The lower the better; means that print alike share a rank.
struct ScoreTable {
  std::vector<std::string> label_names;                      // "data", "horizon"
  std::vector<std::pair<std::string, std::string>> models;   // key, title
  std::vector<std::pair<std::string, std::string>> metrics;  // "mse", "MSE"
  std::vector<ScoreRow> rows;
  std::vector<std::string> notes = {};  // below the footnotes
};

/// mean ± half width of the 95 % interval over seeds, best and runner-up marked, footnotes numbered.
Table layout(const ScoreTable& scores);

/// A score with as many decimals as `smallest` of its row needs for three digits: "0.376", "0.00312".
std::string score_text(double value, double smallest);

}  // namespace longwave
