#include "longwave/data/calendar.h"

#include <algorithm>
#include <map>

namespace longwave {
namespace {

constexpr int kBusinessDays = 5;  // Monday to Friday

int weekday_of_day(std::int64_t month, int day) { return civil_time(instant_of(month, day, 0)).weekday; }

}  // namespace

int MonthDay::in(std::int64_t month) const {
  const int last = days_in(month);
  if (kind == Kind::day) return number < 0 ? last : std::min(number, last);
  if (kind == Kind::weekday) {
    if (number < 0) return last - (weekday_of_day(month, last) - weekday + 7) % 7;
    return 1 + (weekday - weekday_of_day(month, 1) + 7) % 7 + 7 * (number - 1);
  }
  int day = number < 0 ? last : 1;
  while (weekday_of_day(month, day) >= kBusinessDays) day += number;  // 1: the first, -1: the last
  return day;
}

Calendar Calendar::every(Instant step, Instant from) {
  Calendar calendar;
  calendar.length_ = step;
  calendar.origin_ = from;
  calendar.places_ = {0};
  return calendar;
}

Calendar Calendar::weekly(std::vector<Instant> places) {
  Calendar calendar;
  calendar.length_ = kWeek;
  calendar.origin_ = kMonday;
  calendar.places_ = std::move(places);
  return calendar;
}

Calendar Calendar::monthly(std::int64_t step, std::int64_t month, std::vector<MonthDay> days, Instant clock) {
  Calendar calendar;
  calendar.months_ = step;
  calendar.first_month_ = month;
  calendar.days_ = std::move(days);
  calendar.clock_ = clock;
  return calendar;
}

Instant Calendar::at(std::int64_t position) const {
  const auto cycle = floor_div(position, size());
  const auto place = static_cast<std::size_t>(position - cycle * size());
  if (!places_.empty()) return origin_ + cycle * length_ + places_[place];
  const auto month = first_month_ + cycle * months_;
  return instant_of(month, days_[place].in(month), clock_);
}

std::int64_t Calendar::position(Instant instant) const {
  if (!places_.empty()) {
    const auto cycle = floor_div(instant - origin_, length_);
    const auto passed = std::upper_bound(places_.begin(), places_.end(), instant - origin_ - cycle * length_);
    return cycle * size() + (passed - places_.begin()) - 1;
  }
  const auto cycle = floor_div(civil_time(instant).month - first_month_, months_);
  auto position = cycle * size() + size() - 1;
  while (at(position) > instant) --position;
  return position;
}

Instant Calendar::advance(Instant from, std::int64_t n) const {
  if (empty()) return from;
  if (places_.size() == 1) return from + n * length_;  // from a row beside the others too
  return at(position(from) + n);
}

std::vector<std::int64_t> Calendar::seasons() const {
  std::vector<std::int64_t> lengths;
  const auto add = [&](std::int64_t period, std::int64_t step) {
    if (period % step == 0 && period / step > 1) lengths.push_back(period / step);
  };
  if (empty()) return {};
  if (!days_.empty()) {
    add(12 * size(), months_);
  } else if (has_breaks()) {
    std::map<std::int64_t, std::int64_t> days;
    for (const auto place : places_) ++days[place / kDay];
    const auto most = std::max_element(days.begin(), days.end(), [](auto& a, auto& b) { return a.second < b.second; });
    if (most->second > 1 && days.size() > 1) lengths.push_back(most->second);
    lengths.push_back(size());
  } else if (length_ == kWeek) {
    return {52};
  } else {
    if (length_ < kMinute) add(kHour, length_);
    add(kDay, length_);
    add(kWeek, length_);
  }
  return lengths;
}

}  // namespace longwave
