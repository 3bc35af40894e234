#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "longwave/base/fields.h"

struct sqlite3;

namespace longwave {

/// One experiment: what is run, on what, with which seed. `recipe` holds every resolved setting that can change the
/// result (no paths); two cells are the same experiment exactly if it and the readable columns are equal.
struct CellId {
  std::string task = "forecast", data, model;
  std::int64_t horizon = 0, lookback = 0, seed = 0;
  Json recipe = Json::object();

  /// Hash of all of it, independent of the order of keys.
  std::string key() const;
};

/// SHA-256 of the bytes, in hexadecimal.
std::string content_hash(const std::string& bytes);

/// A window of the test split as it was forecast, in scaled units.
struct SampleForecast {
  std::string channel;
  std::vector<double> history, truth, forecast;
};

struct CurvePoint {
  std::int64_t epoch = 0;
  double train = 0, val = 0;
};

/// What a finished experiment leaves. Fields that do not apply are zero or empty.
struct CellResult {
  std::map<std::string, double> scores;  // "mse", "mae" of the test split; "val_mse"; ...
  std::string selected_by;               // score that chose the weights, "" if none
  std::int64_t parameters = 0;
  double flops = 0;             // forward pass of a window; of sequences a pass of training, see about["cost"]
  double seconds_per_step = 0;  // median optimiser step
  std::int64_t batch_size = 0;
  double peak_memory = 0;  // bytes resident, of the whole process
  std::int64_t epochs = 0, best_epoch = 0;
  std::int64_t best_step = 0;  // optimiser steps up to the best epoch; 0: none, or stored before this was noted
  double total_seconds = 0;
  bool capped = false;  // stopped by the time limit
  std::vector<CurvePoint> curve;
  std::vector<SampleForecast> forecasts;
  std::string metric = "mse";  // the score that counts
  /// How often the test split was scored; none: stored before this was counted.
  std::optional<std::int64_t> test_touches;
  Json about = Json::object();        // of sequences: see Task::about, with parameters, FLOPs, state, references
  Json environment = Json::object();  // processor, threads, library versions
};
Json to_json(const CellResult& result);
CellResult cell_result_from_json(const Json& json);

/// Interrupted: claimed once, but no process that may live holds it.
enum class CellState { running, interrupted, done, failed };

/// True once nothing is left to run: finished or failed.
inline bool is_over(CellState state) { return state == CellState::done || state == CellState::failed; }

struct CellRecord {
  CellId id;
  CellState state = CellState::running;
  std::string error;  // of a failed cell: one line
  CellResult result;  // of a finished cell
};

/// What asking for a cell brought: it is ours to run; it is finished; it failed before; another live process has it.
enum class Claim { mine, done, failed, busy };

/// Finished experiments in one SQLite file that several processes may use at once. A process claims a cell, runs it and
/// stores the result; the claim is a lease that it renews while it lives. If it is killed, its cells are free at once
/// for processes of the same machine, and after the lease for others. Finished cells are never given out again. Every
/// error (locked, corrupt, not such a store, another version) is a UserError of one line with the path.
class Store {
 public:
  static constexpr int kVersion = 1;
  static constexpr double kLease = 60;  // seconds

  /// Opens or creates it. `patience`: seconds to wait for another program's lock.
  explicit Store(const std::filesystem::path& path, double patience = 10);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// `again`: also hand out a cell that failed.
  Claim claim(const CellId& cell, bool again = false);
  /// Extends the lease of a claimed cell.
  void renew(const std::string& key);
  /// Stores the outcome of a claimed cell. False if the claim was lost to another process meanwhile: nothing is
  /// changed.
  bool finish(const std::string& key, const CellResult& result);
  bool give_up(const std::string& key, const std::string& error);
  /// Hands a claimed cell back unfinished.
  void release(const std::string& key);

  /// Those of `keys` that were ever claimed, by key.
  std::map<std::string, CellRecord> read(const std::vector<std::string>& keys) const;
  /// Everything.
  std::vector<CellRecord> all() const;

 private:
  struct Statement;
  void prepare_file();
  [[noreturn]] void give_reason(int code) const;
  void run(const std::string& sql) const;
  bool settle(const std::string& key, const std::string& state, const std::string& error, const std::string& result);

  std::filesystem::path path_;
  sqlite3* db_ = nullptr;
};

/// Renews the lease of a claimed cell from a thread of its own until destroyed.
class Heartbeat {
 public:
  Heartbeat(const std::filesystem::path& store, std::string key);
  ~Heartbeat();

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace longwave
