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

Loader::Loader(const Task& task, Split split, std::int64_t batch, const RandomStream& stream, std::int64_t per_epoch)
    : task_(task),
      split_(split),
      samples_(task.samples(split)),
      batch_(batch),
      per_epoch_(per_epoch),
      stream_(stream) {}

void Loader::start(std::int64_t epoch, std::int64_t first) {
  stop();
  end_ = (epoch + 1) * batches();
  made_ = taken_ = std::min(epoch * batches() + first, end_);
  quit_ = false;
  error_ = nullptr;
  thread_ = std::thread(&Loader::work, this, taken_);
}

void Loader::stop() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::vector<std::int64_t> Loader::order_of_pass(std::int64_t pass) const {
  auto order = epoch_order(samples_, stream_, pass);
  constexpr std::uint64_t kArrange = 0x61727261;  // apart from the passes, which are small numbers
  task_.arrange(order, batch_, stream_.split(kArrange).split(static_cast<std::uint64_t>(pass)));
  return order;
}

void Loader::work(std::int64_t first) {
  try {
    std::vector<std::int64_t> order;
    std::int64_t pass = -1;
    for (auto i = first; i < end_; ++i) {
      std::unique_lock lock(mutex_);
      // Batch taken_ - 1 is in use and lies in the other slot than batch taken_; so at most one may be ready.
      changed_.wait(lock, [&] { return quit_ || made_ - taken_ < 1; });
      if (quit_) return;
      lock.unlock();
      if (pass != i / per_pass()) order = order_of_pass(pass = i / per_pass());
      const auto place = i % per_pass() * batch_;
      const auto begin = order.begin() + place;
      task_.gather(split_, {begin, begin + std::min(batch_, samples_ - place)}, slots_[i % 2]);
      lock.lock();
      made_ = i + 1;
      lock.unlock();  // whoever wakes wants it
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
  lock.unlock();
  changed_.notify_all();
  return batch;
}

}  // namespace longwave
