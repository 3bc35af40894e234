#include "longwave/train/loader.h"

#include <algorithm>
#include <numeric>

namespace longwave {

std::vector<std::int64_t> epoch_order(std::int64_t n, const RandomStream& stream, std::int64_t epoch) {
  auto random = stream.split(static_cast<std::uint64_t>(epoch));
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (auto i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

Loader::Loader(const Task& task, Split split, std::int64_t batch, const RandomStream& stream)
    : task_(task), split_(split), samples_(task.samples(split)), batch_(batch), stream_(stream) {}

void Loader::start(std::int64_t epoch, std::int64_t first) {
  stop();
  made_ = taken_ = first;
  end_ = batches();
  quit_ = false;
  error_ = nullptr;
  thread_ = std::thread(&Loader::work, this, epoch_order(samples_, stream_, epoch), first);
}

void Loader::stop() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Loader::work(std::vector<std::int64_t> order, std::int64_t first) {
  try {
    for (auto i = first; i < end_; ++i) {
      std::unique_lock lock(mutex_);
      // Batch taken_ - 1 is in use and lies in the other slot than batch taken_; so at most one may be ready.
      changed_.wait(lock, [&] { return quit_ || made_ - taken_ < 1; });
      if (quit_) return;
      lock.unlock();
      const auto begin = order.begin() + i * batch_;
      task_.gather(split_, {begin, begin + std::min(batch_, samples_ - i * batch_)}, slots_[i % 2]);
      lock.lock();
      made_ = i + 1;
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    changed_.notify_all();
  }
}

Batch* Loader::next() {
  std::unique_lock lock(mutex_);
  if (taken_ >= end_) return nullptr;
  changed_.wait(lock, [&] { return error_ || made_ > taken_; });
  if (error_) std::rethrow_exception(error_);
  auto* batch = &slots_[taken_++ % 2];
  changed_.notify_all();
  return batch;
}

}  // namespace longwave
