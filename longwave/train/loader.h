#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "longwave/tasks/task.h"

namespace longwave {

/// The order in which an epoch takes 0 .. n-1: a function of stream and epoch alone.
std::vector<std::int64_t> epoch_order(std::int64_t n, const RandomStream& stream, std::int64_t epoch);

/// The training batches of one epoch after the other. An epoch is one pass over the split or, for runs counted in
/// steps, `per_epoch` batches of an endless chain of passes. A thread gathers the next batch while one is in use.
class Loader {
 public:
  /// `per_epoch` 0: as many batches as a pass has. `stream` must outlive the loader.
  Loader(const Task& task, Split split, std::int64_t batch, const RandomStream& stream, std::int64_t per_epoch = 0);
  ~Loader() { stop(); }
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Batches of an epoch.
  std::int64_t batches() const { return per_epoch_ > 0 ? per_epoch_ : per_pass(); }

  /// Begins `epoch` at batch number `first`.
  void start(std::int64_t epoch, std::int64_t first);

  /// The next batch, the last one maybe smaller, or nullptr after it. Valid until the next call.
  Batch* next();

 private:
  void stop();
  std::int64_t per_pass() const { return (samples_ + batch_ - 1) / batch_; }
  std::vector<std::int64_t> order_of_pass(std::int64_t pass) const;
  void work(std::int64_t first);

  const Task& task_;
  Split split_;
  std::int64_t samples_, batch_, per_epoch_;
  const RandomStream& stream_;
  std::array<Batch, 2> slots_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t made_ = 0, taken_ = 0, end_ = 0;  // numbers of batches since the first epoch
  bool quit_ = false;
  std::exception_ptr error_;
};

}  // namespace longwave
