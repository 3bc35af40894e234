#include "longwave/stream/stop_strings.h"

#include <algorithm>
#include <utility>

#include "longwave/base/check.h"

namespace longwave {

StopStrings::StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
  for (const auto& string : strings_) check(!string.empty(), "a stop string is empty");
}

std::string StopStrings::push(std::string_view piece) {
  if (stopped_) return {};
  held_ += piece;
  auto stop = std::string::npos;
  for (const auto& string : strings_) stop = std::min(stop, held_.find(string));
  if (stop != std::string::npos) {
    stopped_ = true;
    held_.resize(stop);
    return std::exchange(held_, {});
  }
  std::size_t keep = 0;  // the longest end of the text that one of them begins with
  for (const auto& string : strings_)
    for (auto n = std::min(string.size() - 1, held_.size()); n > keep; --n)
      if (std::string_view(held_).ends_with(std::string_view(string).substr(0, n))) keep = n;
  auto out = held_.substr(0, held_.size() - keep);
  held_.erase(0, out.size());
  return out;
}

std::string StopStrings::finish() { return std::exchange(held_, {}); }

}  // namespace longwave
