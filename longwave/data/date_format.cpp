#include "longwave/data/date_format.h"

#include <algorithm>
#include <cstdio>

#include "longwave/data/date_text.h"

namespace longwave {

using namespace date_text;

namespace {

std::string padded(std::int64_t number, int width) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*lld", width, static_cast<long long>(number));
  return text;
}

/// The fraction of a second at `at`, moved past it; nothing without digits or below a microsecond.
std::optional<std::int64_t> microseconds(std::string_view text, std::size_t& at) {
  std::int64_t value = 0;
  const auto start = at;
  for (; at < text.size() && is_digit(text[at]); ++at)
    if (at - start < 6)
      value = value * 10 + (text[at] - '0');
    else if (text[at] != '0')
      return {};
  if (at == start) return {};
  for (auto digits = at - start; digits < 6; ++digits) value *= 10;
  return value;
}

/// At least `width` digits, more where they say something.
std::string fraction(Instant micros, std::size_t width) {
  auto text = padded(micros, 6);
  text.resize(std::max(width, text.find_last_not_of('0') + 1), '0');
  return text;
}

struct Week {
  std::int64_t year, week;
};

/// The Monday of week 1, which has January 4.
Instant begin_of_weeks(std::int64_t year) {
  const auto fourth = instant_of(12 * year, 4, 0);
  return fourth - civil_time(fourth).weekday * kDay;
}

/// A week belongs to the year of its Thursday.
Week week_of(Instant instant) {
  const auto thursday = civil_time(instant + (3 - civil_time(instant).weekday) * kDay);
  const auto year = floor_div(thursday.month, 12);
  return {year, (thursday.days - begin_of_weeks(year) / kDay) / 7 + 1};
}

}  // namespace

std::optional<Instant> DateFormat::parse(std::string_view text) const {
  std::int64_t year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, micros = 0, week = 0, weekday = 1;
  bool afternoon = false, halves = false;
  std::size_t at = 0;
  const auto number = [&](int width, std::size_t most) -> std::optional<std::int64_t> {
    const auto limit = width > 0 ? static_cast<std::size_t>(width) : most;
    const auto start = at;
    std::int64_t value = 0;
    while (at < text.size() && at - start < limit && is_digit(text[at])) value = value * 10 + (text[at++] - '0');
    if (at == start || (width > 0 && at - start != limit)) return {};
    return value;
  };
  for (const auto& field : fields_) {
    std::optional<std::int64_t> value = 0;
    switch (field.kind) {
      case Kind::literal:
        if (at >= text.size() || text[at++] != field.literal) return {};
        break;
      case Kind::year:
        value = number(4, 4), year = value.value_or(0);
        break;
      case Kind::month:
        value = number(field.width, 2), month = value.value_or(0);
        break;
      case Kind::month_name: {
        const auto start = at;
        while (at < text.size() && is_letter(text[at])) ++at;
        month = month_of(text.substr(start, at - start));
        break;
      }
      case Kind::day:
        value = number(field.width, 2), day = value.value_or(0);
        break;
      case Kind::hour:
        value = number(field.width, 2), hour = value.value_or(99);
        break;
      case Kind::minute:
        value = number(2, 2), minute = value.value_or(99);
        break;
      case Kind::second:
        value = number(2, 2), second = value.value_or(99);
        break;
      case Kind::fraction:
        value = microseconds(text, at), micros = value.value_or(0);
        break;
      case Kind::half:
        if (text.size() < at + 2) return {};
        halves = true;
        afternoon = lower(text.substr(at, 1)) == "p";
        at += 2;
        break;
      case Kind::quarter:
        value = number(1, 1), month = value.value_or(0) * 3 - 2;
        break;
      case Kind::week:
        value = number(2, 2), week = value.value_or(0);
        if (week < 1) return {};
        break;
      case Kind::weekday:
        value = number(1, 1), weekday = value.value_or(0);
        break;
      case Kind::epoch:
        value = number(0, 10);
        break;
      case Kind::epoch_ms:
        value = number(0, 13);
        break;
    }
    if (!value) return {};
    if (field.kind == Kind::epoch || field.kind == Kind::epoch_ms)
      return at == text.size() ? std::optional(*value * (field.kind == Kind::epoch ? kSecond : 1000)) : std::nullopt;
  }
  if (halves) hour = hour % 12 + (afternoon ? 12 : 0);
  if (at != text.size() || month < 1 || month > 12 || hour > 24 || minute > 59 || second > 60) return {};
  const auto clock = hour * kHour + minute * kMinute + second * kSecond + micros;
  if (week > 0) {
    const auto instant = begin_of_weeks(year) + (week - 1) * kWeek + (weekday - 1) * kDay;
    const bool known = weekday >= 1 && weekday <= 7 && week_of(instant).year == year;
    return known ? std::optional(instant + clock) : std::nullopt;
  }
  if (day < 1 || day > days_in(12 * year + month - 1)) return {};
  return instant_of(12 * year + month - 1, static_cast<int>(day), clock);
}

std::string DateFormat::format(Instant instant) const {
  const auto time = civil_time(instant);
  const auto month = time.month - 12 * floor_div(time.month, 12) + 1;
  const auto seconds = time.clock / kSecond;
  const auto week = week_of(instant);
  const bool weeks =
      std::any_of(fields_.begin(), fields_.end(), [](const Field& field) { return field.kind == Kind::week; });
  const bool halves =
      std::any_of(fields_.begin(), fields_.end(), [](const Field& field) { return field.kind == Kind::half; });
  std::string text;
  for (const auto& field : fields_) {
    switch (field.kind) {
      case Kind::literal:
        text += field.literal;
        break;
      case Kind::year:
        text += padded(weeks ? week.year : floor_div(time.month, 12), 4);
        break;
      case Kind::month:
        text += padded(month, field.width);
        break;
      case Kind::month_name: {
        std::string name(kMonths[static_cast<std::size_t>(month - 1)]);
        for (std::size_t i = 0; i < name.size(); ++i)
          if (i == 0 || capital_month_) name[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[i])));
        text += name;
        break;
      }
      case Kind::day:
        text += padded(time.day, field.width);
        break;
      case Kind::hour: {
        const auto hour = seconds / 3600;
        text += padded(halves ? (hour + 11) % 12 + 1 : hour, field.width);
        break;
      }
      case Kind::minute:
        text += padded(seconds / 60 % 60, 2);
        break;
      case Kind::second:
        text += padded(seconds % 60, 2);
        break;
      case Kind::fraction:
        text += fraction(time.clock % kSecond, static_cast<std::size_t>(field.width));
        break;
      case Kind::half:
        text += seconds < 43200 ? "AM" : "PM";
        break;
      case Kind::quarter:
        text += padded((month + 2) / 3, 1);
        break;
      case Kind::week:
        text += padded(week.week, 2);
        break;
      case Kind::weekday:
        text += padded(time.weekday + 1, 1);
        break;
      case Kind::epoch:
        text += padded(floor_div(instant, kSecond), 0);
        break;
      case Kind::epoch_ms:
        text += padded(floor_div(instant, 1000), 0);
        break;
    }
  }
  return text;
}

std::string DateFormat::describe() const {
  std::string text;
  const auto letters = [&](char letter, int width) { text += std::string(width > 1 ? 2 : 1, letter); };
  for (const auto& field : fields_) {
    switch (field.kind) {
      case Kind::literal:
        text += field.literal;
        break;
      case Kind::year:
        text += "YYYY";
        break;
      case Kind::month:
        letters('M', field.width);
        break;
      case Kind::month_name:
        text += "Mon";
        break;
      case Kind::day:
        letters('D', field.width);
        break;
      case Kind::hour:
        letters('h', field.width);
        break;
      case Kind::minute:
        text += "mm";
        break;
      case Kind::second:
        text += "ss";
        break;
      case Kind::fraction:
        text += std::string(static_cast<std::size_t>(field.width), 'f');
        break;
      case Kind::half:
        text += "AM";
        break;
      case Kind::quarter:
        text += "q";
        break;
      case Kind::week:
        text += "ww";
        break;
      case Kind::weekday:
        text += "d";
        break;
      case Kind::epoch:
        text += "seconds since 1970";
        break;
      case Kind::epoch_ms:
        text += "milliseconds since 1970";
        break;
    }
  }
  return text;
}

}  // namespace longwave
