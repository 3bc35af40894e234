#include "longwave/report/store.h"

#include <sqlite3.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "longwave/report/process_id.h"

namespace longwave {
namespace {

constexpr int kApplication = 0x4C575354;  // marks the file as ours in its header

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// Does the process that claimed a cell still work on it? Of one elsewhere its lease tells.
bool is_held(const std::string& owner, double lease) {
  const auto life = process_life(owner);
  return life == Life::alive || (life == Life::unknown && lease > now());
}

constexpr const char* kColumns =
    "SELECT task, data, model, horizon, lookback, seed, recipe, state, error, result, owner, lease ";
constexpr const char* kTables = R"(
CREATE TABLE cells(
  key TEXT PRIMARY KEY,
  task TEXT NOT NULL, data TEXT NOT NULL, model TEXT NOT NULL,
  horizon INTEGER NOT NULL, lookback INTEGER NOT NULL, seed INTEGER NOT NULL,
  recipe TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('free', 'running', 'done', 'failed')),
  owner TEXT NOT NULL DEFAULT '', lease REAL NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '',
  changed REAL NOT NULL
) WITHOUT ROWID;
)";

}  // namespace

/// One prepared statement; values are bound in order.
struct Store::Statement {
  Statement(const Store& store, const char* sql) : store(store) {
    ok(sqlite3_prepare_v2(store.db_, sql, -1, &handle, nullptr));
  }
  ~Statement() { sqlite3_finalize(handle); }
  Statement(const Statement&) = delete;

  Statement& bind(const std::string& v) {
    ok(sqlite3_bind_text(handle, ++bound, v.data(), static_cast<int>(v.size()), SQLITE_TRANSIENT));
    return *this;
  }
  Statement& bind(std::int64_t v) { return ok(sqlite3_bind_int64(handle, ++bound, v)), *this; }
  Statement& bind(double v) { return ok(sqlite3_bind_double(handle, ++bound, v)), *this; }

  /// True while there is a row.
  bool step() {
    const int code = sqlite3_step(handle);
    if (code != SQLITE_ROW && code != SQLITE_DONE) store.give_reason(code);
    return code == SQLITE_ROW;
  }
  std::string text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle, column));
    return data ? data : "";
  }
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle, column); }
  double real(int column) const { return sqlite3_column_double(handle, column); }

  /// The row of a query that begins with kColumns.
  CellRecord record() const try {
    CellRecord r;
    r.id = {text(0), text(1), text(2), integer(3), integer(4), integer(5), Json::parse(text(6))};
    const auto state = text(7);
    r.state = state == "done"               ? CellState::done
              : state == "failed"           ? CellState::failed
              : is_held(text(10), real(11)) ? CellState::running
                                            : CellState::interrupted;
    r.error = text(8);
    if (r.state == CellState::done) r.result = cell_result_from_json(Json::parse(text(9)));
    return r;
  } catch (const Json::exception&) {
    fail(store.path_.string(),
         ": the store is damaged (a stored result cannot be read); restore a copy or give another "
         "file with --store");
  }

  void ok(int code) const {
    if (code != SQLITE_OK) store.give_reason(code);
  }

  const Store& store;
  sqlite3_stmt* handle = nullptr;
  int bound = 0;
};

namespace {

/// A write transaction: undone unless committed.
class Transaction {
 public:
  explicit Transaction(std::function<void(const char*)> run) : run_(std::move(run)) { run_("BEGIN IMMEDIATE"); }
  ~Transaction() {
    if (!open_) return;
    try {
      run_("ROLLBACK");
    } catch (const UserError&) {  // already undone by what went wrong
    }
  }
  void commit() {
    run_("COMMIT");
    open_ = false;
  }

 private:
  std::function<void(const char*)> run_;
  bool open_ = true;
};

}  // namespace

Store::Store(const std::filesystem::path& path, double patience) : path_(path) {
  const int code =
      sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  try {
    if (code != SQLITE_OK) give_reason(code);
    sqlite3_busy_timeout(db_, static_cast<int>(patience * 1000));
    prepare_file();
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

Store::~Store() { sqlite3_close(db_); }

void Store::prepare_file() {
  Transaction transaction([this](const char* sql) { run(sql); });
  const auto pragma = [this](const char* sql) {
    Statement s(*this, sql);
    s.step();
    return s.integer(0);
  };
  const bool empty = pragma("SELECT count(*) FROM sqlite_master") == 0;
  if (empty && pragma("PRAGMA application_id") == 0) {
    run(kTables);
    run("PRAGMA application_id = " + std::to_string(kApplication));
    run("PRAGMA user_version = " + std::to_string(kVersion));
  }
  check(pragma("PRAGMA application_id") == kApplication, path_.string(),
        ": is a database of another program, not a store of longwave; give another file with --store");
  const auto version = pragma("PRAGMA user_version");
  check(version == kVersion, path_.string(), ": is a store of version ", version, "; this program reads version ",
        kVersion, "; give another file with --store");
  transaction.commit();
  // Readers then never wait for a writer. Where the file system cannot do it, SQLite stays with its older journal.
  for (int attempt = 0;; ++attempt) {
    const int code = sqlite3_exec(db_, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) break;
    if (code != SQLITE_BUSY || attempt == 100) give_reason(code);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // SQLite does not wait here by itself
  }
}

void Store::give_reason(int code) const {
  const auto place = path_.string() + ": ";
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      fail(place,
           "the store is locked by another program; wait until it has finished, or give another file with --store");
    case SQLITE_NOTADB:
      fail(place, "is not a store of longwave (no SQLite file); give another file with --store");
    case SQLITE_CORRUPT:
      fail(place, "the store is damaged (", sqlite3_errmsg(db_), "); restore a copy or give another file with --store");
    case SQLITE_CANTOPEN:
      fail(place, "the store cannot be opened; expected a file in a folder that exists and can be written");
    case SQLITE_READONLY:
      fail(place, "the store cannot be written: permission denied");
    case SQLITE_FULL:
      fail(place, "the store cannot be written: no space left on the disk");
    default:
      fail(place, "the store cannot be used: ", db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code));
  }
}

void Store::run(const std::string& sql) const {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) give_reason(code);
}

Claim Store::claim(const CellId& cell, bool again) {
  const auto key = cell.key(), me = process_identity();
  Transaction transaction([this](const char* sql) { run(sql); });
  Statement insert(
      *this,
      "INSERT OR IGNORE INTO cells(key, task, data, model, horizon, lookback, seed, recipe, state, changed) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, 'free', ?)");
  insert.bind(key).bind(cell.task).bind(cell.data).bind(cell.model).bind(cell.horizon).bind(cell.lookback);
  insert.bind(cell.seed).bind(cell.recipe.dump()).bind(now()).step();
  Statement look(*this, "SELECT state, owner, lease FROM cells WHERE key = ?");
  look.bind(key).step();
  const auto state = look.text(0), owner = look.text(1);
  if (state == "done") return Claim::done;
  if (state == "failed" && !again) return Claim::failed;
  if (state == "running" && owner != me && is_held(owner, look.real(2))) return Claim::busy;
  Statement take(*this,
                 "UPDATE cells SET state = 'running', owner = ?, lease = ?, error = '', changed = ? WHERE key = ?");
  take.bind(me).bind(now() + kLease).bind(now()).bind(key).step();
  transaction.commit();
  return Claim::mine;
}

void Store::renew(const std::string& key) {
  Statement s(*this, "UPDATE cells SET lease = ? WHERE key = ? AND owner = ? AND state = 'running'");
  s.bind(now() + kLease).bind(key).bind(process_identity()).step();
}

bool Store::settle(const std::string& key, const std::string& state, const std::string& error,
                   const std::string& result) {
  Statement s(*this,
              "UPDATE cells SET state = ?, error = ?, result = ?, lease = 0, changed = ? "
              "WHERE key = ? AND owner = ? AND state = 'running'");
  s.bind(state).bind(error).bind(result).bind(now()).bind(key).bind(process_identity()).step();
  return sqlite3_changes(db_) == 1;
}

bool Store::finish(const std::string& key, const CellResult& result) {
  return settle(key, "done", "", to_json(result).dump());
}
bool Store::give_up(const std::string& key, const std::string& error) { return settle(key, "failed", error, ""); }
void Store::release(const std::string& key) { settle(key, "free", "", ""); }

std::map<std::string, CellRecord> Store::read(const std::vector<std::string>& keys) const {
  std::map<std::string, CellRecord> found;
  const auto sql = std::string(kColumns) + "FROM cells WHERE key = ? AND state <> 'free'";
  for (const auto& key : keys) {
    Statement s(*this, sql.c_str());
    if (s.bind(key).step()) found[key] = s.record();
  }
  return found;
}

std::vector<CellRecord> Store::all() const {
  std::vector<CellRecord> records;
  const auto sql =
      std::string(kColumns) + "FROM cells WHERE state <> 'free' ORDER BY task, data, horizon, model, seed, key";
  Statement s(*this, sql.c_str());
  while (s.step()) records.push_back(s.record());
  return records;
}

struct Heartbeat::Shared {
  std::mutex mutex;
  std::condition_variable stopping;
  bool stop = false;
  std::thread thread;
};

Heartbeat::Heartbeat(const std::filesystem::path& store, std::string key) : shared_(std::make_unique<Shared>()) {
  shared_->thread = std::thread([shared = shared_.get(), store, key = std::move(key)] {
    std::unique_lock lock(shared->mutex);
    while (!shared->stopping.wait_for(lock, std::chrono::duration<double>(Store::kLease / 4),
                                      [&] { return shared->stop; })) {
      try {
        Store(store).renew(key);
      } catch (const UserError&) {  // locked just now: the lease outlives three missed beats
      }
    }
  });
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->stopping.notify_one();
  shared_->thread.join();
}

}  // namespace longwave
