// What calendars are called.

#include <algorithm>

#include "longwave/base/suggest.h"
#include "longwave/data/calendar.h"

namespace longwave {
namespace {

constexpr const char* kWeekdays[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

std::string counted(std::int64_t n, const char* one, const char* many) {
  return n == 1 ? one : std::to_string(n) + " " + many;
}

std::string step_name(Instant step) {
  if (step % kWeek == 0) return counted(step / kWeek, "weekly", "weeks");
  if (step % kDay == 0) return counted(step / kDay, "daily", "days");
  if (step % kHour == 0) return counted(step / kHour, "hourly", "hours");
  if (step % kMinute == 0) return counted(step / kMinute, "1 minute", "minutes");
  if (step % kSecond == 0) return counted(step / kSecond, "1 second", "seconds");
  if (step % 1000 == 0) return counted(step / 1000, "1 millisecond", "milliseconds");
  return counted(step, "1 microsecond", "microseconds");
}

std::string clock_name(Instant clock) {
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  const auto seconds = clock % kMinute == 0 ? "" : ":" + two(clock / kSecond % 60);
  return two(clock / kHour) + ":" + two(clock / kMinute % 60) + seconds;
}

/// "business days", "Monday to Saturday", "Monday, Wednesday, Friday", "every day"
std::string days_name(const std::vector<int>& days) {
  if (days.size() == 7) return "every day";
  if (days == std::vector<int>{0, 1, 2, 3, 4}) return "business days";
  std::string names;
  for (std::size_t i = 0; i < days.size(); ++i) {
    const auto begin = i;
    while (i + 1 < days.size() && days[i + 1] == days[i] + 1) ++i;
    if (!names.empty()) names += ", ";
    names += kWeekdays[days[begin]];
    if (i > begin) names += (i > begin + 1 ? " to " : std::string(", ")) + kWeekdays[days[i]];
  }
  return names;
}

std::string ordinal(int n) {
  const bool teens = n / 10 % 10 == 1;
  const char* end = teens || n % 10 > 3 || n % 10 == 0 ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : "rd";
  return std::to_string(n) + end;
}

}  // namespace

std::string MonthDay::name() const {
  const std::string rank = number < 0 ? "last" : ordinal(number);
  if (kind == Kind::weekday) return rank + " " + kWeekdays[weekday];
  if (kind == Kind::business_day) return (number < 0 ? "last" : "first") + std::string(" business day");
  return number < 0 ? "last day" : rank;
}

std::string Calendar::name() const {
  if (empty()) return "unknown";
  if (!days_.empty()) return month_name();
  return has_breaks() ? week_name() : step_name(length_);
}

std::string Calendar::month_name() const {
  const auto step = months_ == 3        ? "quarterly"
                    : months_ % 12 == 0 ? counted(months_ / 12, "yearly", "years")
                                        : counted(months_, "monthly", "months");
  // A day that every month has goes without saying.
  if (days_.size() == 1 && days_[0].kind == MonthDay::Kind::day && days_[0].number > 0 && days_[0].number <= 28)
    return step;
  std::vector<std::string> names;
  for (const auto& day : days_) names.push_back(day.name());
  return step + ", " + join(names) + (months_ == 1 ? "" : " of the month");
}

std::string Calendar::week_name() const {
  std::vector<int> days;
  std::vector<Instant> steps;
  for (const auto place : places_)
    if (const auto day = static_cast<int>(place / kDay); days.empty() || days.back() != day) days.push_back(day);
  const auto a_day = places_.size() / days.size();
  bool alike = places_.size() % days.size() == 0;
  for (std::size_t i = 0; alike && i < places_.size(); ++i)
    alike = places_[i] == days[i / a_day] * kDay + places_[i % a_day] % kDay;
  if (alike && a_day == 1) return days_name(days);
  for (std::size_t i = 1; i < places_.size(); ++i) steps.push_back(places_[i] - places_[i - 1]);
  std::nth_element(steps.begin(), steps.begin() + steps.size() / 2, steps.end());
  const auto step = steps[steps.size() / 2];
  if (!alike) return step_name(step) + ", " + std::to_string(places_.size()) + " times a week";
  const auto first = places_[0] % kDay, last = places_[a_day - 1] % kDay;
  const bool even = last - first == static_cast<Instant>(a_day - 1) * step;
  std::vector<std::string> clocks;
  for (std::size_t i = 0; i < a_day; ++i) clocks.push_back(clock_name(places_[i] % kDay));
  constexpr std::size_t kListed = 4;
  if (!even && a_day <= kListed) return join(clocks) + ", " + days_name(days);
  return step_name(step) + (even ? ", " : " with breaks, ") + clocks.front() + " to " + clocks.back() + ", " +
         days_name(days);
}

}  // namespace longwave
