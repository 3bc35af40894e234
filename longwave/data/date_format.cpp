#include "longwave/data/date_format.h"

#include <chrono>
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

}  // namespace

std::optional<Seconds> DateFormat::parse(std::string_view text) const {
  using namespace std::chrono;
  std::int64_t year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
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
        value = number(0, 9);
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
      case Kind::epoch:
        value = number(0, 10);
        break;
      case Kind::epoch_ms:
        value = number(0, 13);
        break;
    }
    if (!value) return {};
    if (field.kind == Kind::epoch || field.kind == Kind::epoch_ms)
      return at == text.size() ? std::optional(field.kind == Kind::epoch ? *value : *value / 1000) : std::nullopt;
  }
  if (halves) hour = hour % 12 + (afternoon ? 12 : 0);
  if (at != text.size() || month < 1 || month > 12 || hour > 24 || minute > 59 || second > 60) return {};
  const year_month_day date(std::chrono::year(static_cast<int>(year)), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return {};
  return sys_days(date).time_since_epoch().count() * Seconds{86400} + hour * 3600 + minute * 60 + second;
}

std::string DateFormat::format(Seconds instant) const {
  using namespace std::chrono;
  const auto days = floor<std::chrono::days>(seconds(instant));
  const year_month_day date{sys_days(days)};
  const auto clock = instant - duration_cast<seconds>(days).count();
  const auto month = static_cast<int>(static_cast<unsigned>(date.month()));
  const bool halves =
      std::any_of(fields_.begin(), fields_.end(), [](const Field& field) { return field.kind == Kind::half; });
  std::string text;
  for (const auto& field : fields_) {
    switch (field.kind) {
      case Kind::literal:
        text += field.literal;
        break;
      case Kind::year:
        text += padded(static_cast<int>(date.year()), 4);
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
        text += padded(static_cast<unsigned>(date.day()), field.width);
        break;
      case Kind::hour: {
        const auto hour = clock / 3600;
        text += padded(halves ? (hour + 11) % 12 + 1 : hour, field.width);
        break;
      }
      case Kind::minute:
        text += padded(clock / 60 % 60, 2);
        break;
      case Kind::second:
        text += padded(clock % 60, 2);
        break;
      case Kind::fraction:
        text += padded(0, field.width);
        break;
      case Kind::half:
        text += clock < 43200 ? "AM" : "PM";
        break;
      case Kind::quarter:
        text += padded((month + 2) / 3, 1);
        break;
      case Kind::epoch:
        text += padded(instant, 0);
        break;
      case Kind::epoch_ms:
        text += padded(instant * 1000, 0);
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
