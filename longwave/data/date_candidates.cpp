// Which formats a sample of dates can be written in.

#include "longwave/data/date_format.h"
#include "longwave/data/date_text.h"

namespace longwave {

using namespace date_text;

namespace {

/// A run of digits, a run of letters, or one other character.
struct Token {
  std::string_view text;
  bool digits, letters;
};

std::vector<Token> split(std::string_view text) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < text.size();) {
    auto end = i + 1;
    const bool digits = is_digit(text[i]), letters = is_letter(text[i]);
    while (end < text.size() && ((digits && is_digit(text[end])) || (letters && is_letter(text[end])))) ++end;
    tokens.push_back({text.substr(i, end - i), digits, letters});
    i = end;
  }
  return tokens;
}

}  // namespace

/// Turns the tokens of one sample into formats.
struct DateFormat::Fitting {
  std::vector<Token> tokens;
  std::size_t next = 0;
  std::vector<DateFormat> results;

  static Field field(Kind kind, int width = 0) { return {kind, width, 0}; }
  static int width_of(const Token& token) { return token.text.size() == 2 ? 2 : 0; }

  bool done() const { return next == tokens.size(); }
  bool digits(std::size_t ahead, std::size_t low, std::size_t high) const {
    return next + ahead < tokens.size() && tokens[next + ahead].digits && tokens[next + ahead].text.size() >= low &&
           tokens[next + ahead].text.size() <= high;
  }
  bool literal(std::size_t ahead, std::string_view any) const {
    return next + ahead < tokens.size() && !tokens[next + ahead].digits && tokens[next + ahead].text.size() == 1 &&
           any.find(tokens[next + ahead].text[0]) != std::string_view::npos;
  }
  bool word(std::size_t ahead) const { return next + ahead < tokens.size() && tokens[next + ahead].letters; }

  void put(std::vector<Field> fields) { results.push_back({}), results.back().fields_ = std::move(fields); }
  void put_everywhere(Field field) {
    for (auto& result : results) result.fields_.push_back(field);
  }
  void take_literal() {
    for (const char c : tokens[next].text) put_everywhere({Kind::literal, 0, c});
    ++next;
  }

  /// Leaves `results` empty if the tokens are no date.
  void run() {
    if (!take_date()) return results.clear();
    if (done()) return;
    if (!has_day() || !take_time()) results.clear();
  }

  bool has_day() const {
    return std::any_of(results[0].fields_.begin(), results[0].fields_.end(),
                       [](const Field& field) { return field.kind == Kind::day || field.kind == Kind::weekday; });
  }

  bool take_date() {
    if (tokens.size() == 1 && tokens[0].digits) return take_compact();
    if (digits(0, 4, 4)) return take_year_first();
    if (digits(0, 8, 8)) {
      ++next;
      put({field(Kind::year, 4), field(Kind::month, 2), field(Kind::day, 2)});
      return true;
    }
    if (digits(0, 1, 2) && literal(1, "-/. ")) return take_day_or_month_first();
    if (word(0) && month_of(tokens[0].text) && tokens.size() == 3 && literal(1, "- /") && digits(2, 4, 4)) {
      put({field(Kind::month_name), {Kind::literal, 0, tokens[1].text[0]}, field(Kind::year, 4)});
      next = 3;
      return true;
    }
    return false;
  }

  /// 2024013123: a day of 1900 to 2099 and an hour, and not seconds since 1970.
  static bool starts_with_date(std::string_view text) {
    if (text.size() < 10) return false;
    const auto number = [&](std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
    return (number(0) == 19 || number(0) == 20) && number(4) >= 1 && number(4) <= 12 && number(6) >= 1 &&
           number(6) <= 31 && number(8) <= 23;
  }

  /// YYYYMMDDHH, with minutes or seconds.
  bool take_stamp(int digits_in_all) {
    put({field(Kind::year, 4), field(Kind::month, 2), field(Kind::day, 2), field(Kind::hour, 2)});
    if (digits_in_all >= 12) put_everywhere(field(Kind::minute, 2));
    if (digits_in_all >= 14) put_everywhere(field(Kind::second, 2));
    return true;
  }

  bool take_compact() {
    next = 1;
    switch (tokens[0].text.size()) {
      case 4:
        put({field(Kind::year, 4)});
        return true;
      case 6:
        put({field(Kind::year, 4), field(Kind::month, 2)});
        return true;
      case 8:
        put({field(Kind::year, 4), field(Kind::month, 2), field(Kind::day, 2)});
        return true;
      case 9:
      case 10:
        if (starts_with_date(tokens[0].text)) return take_stamp(10);
        put({field(Kind::epoch)});
        return true;
      case 14:
        return starts_with_date(tokens[0].text) && take_stamp(14);
      case 12:
      case 13:
        if (tokens[0].text.size() == 12 && starts_with_date(tokens[0].text)) return take_stamp(12);
        put({field(Kind::epoch_ms)});
        return true;
      default:
        return false;
    }
  }

  bool take_year_first() {
    put({field(Kind::year, 4)});
    ++next;
    const bool separated = literal(0, "-/. ");
    const std::size_t after = separated ? 1 : 0;
    if (word(after) && lower(tokens[next + after].text) == "q" && digits(after + 1, 1, 1)) {
      if (separated) take_literal();
      take_literal();
      put_everywhere(field(Kind::quarter, 1));
      ++next;
      return true;
    }
    if (separated && word(1) && lower(tokens[next + 1].text) == "w" && digits(2, 2, 2)) return take_week();
    if (!separated || !digits(1, 1, 2)) return false;
    const char separator = tokens[next].text[0];
    take_literal();
    put_everywhere(field(Kind::month, width_of(tokens[next++])));
    if (literal(0, std::string_view(&separator, 1)) && digits(1, 1, 2)) {
      take_literal();
      put_everywhere(field(Kind::day, width_of(tokens[next++])));
    }
    return true;
  }

  /// -W05 or -W05-3
  bool take_week() {
    take_literal();
    take_literal();
    put_everywhere(field(Kind::week, 2));
    ++next;
    if (!literal(0, "-") || !digits(1, 1, 1)) return done();
    take_literal();
    put_everywhere(field(Kind::weekday, 1));
    ++next;
    return true;
  }

  bool take_day_or_month_first() {
    const Field separator = {Kind::literal, 0, tokens[1].text[0]};
    if (!literal(3, std::string_view(&separator.literal, 1)) || !digits(4, 4, 4)) return false;
    const int first = width_of(tokens[0]);
    if (word(2) && month_of(tokens[2].text)) {
      put({field(Kind::day, first), separator, field(Kind::month_name), separator, field(Kind::year, 4)});
      results[0].capital_month_ =
          tokens[2].text.size() > 1 && std::isupper(static_cast<unsigned char>(tokens[2].text[1]));
    } else if (digits(2, 1, 2)) {
      const int second = width_of(tokens[2]);
      put({field(Kind::day, first), separator, field(Kind::month, second), separator, field(Kind::year, 4)});
      if (separator.literal != '.')
        put({field(Kind::month, first), separator, field(Kind::day, second), separator, field(Kind::year, 4)});
    } else {
      return false;
    }
    next = 5;
    return true;
  }

  bool take_time() {
    if (!(literal(0, " ,") || (word(0) && lower(tokens[next].text) == "t"))) return false;
    take_literal();
    while (literal(0, " ")) take_literal();
    if (digits(0, 4, 4) || digits(0, 6, 6)) return take_compact_time();
    if (!digits(0, 1, 2)) return false;
    const bool alone = !literal(1, ":");
    if (alone ? !digits(0, 2, 2) : !digits(2, 2, 2)) return false;
    put_everywhere(field(Kind::hour, width_of(tokens[next++])));
    if (alone) return done() || take_tail();
    take_literal();
    put_everywhere(field(Kind::minute, 2));
    ++next;
    if (literal(0, ":") && digits(1, 2, 2)) {
      take_literal();
      put_everywhere(field(Kind::second, 2));
      ++next;
      take_fraction();
    }
    return done() || take_tail();
  }

  /// hhmm or hhmmss
  bool take_compact_time() {
    const bool seconds = tokens[next++].text.size() == 6;
    put_everywhere(field(Kind::hour, 2));
    put_everywhere(field(Kind::minute, 2));
    if (seconds) put_everywhere(field(Kind::second, 2));
    if (seconds) take_fraction();
    return done() || take_tail();
  }

  void take_fraction() {
    if (!literal(0, ".,") || !digits(1, 1, 9)) return;
    take_literal();
    put_everywhere(field(Kind::fraction, static_cast<int>(tokens[next++].text.size())));
  }

  /// AM or PM, and a zone, which is kept as it stands.
  bool take_tail() {
    const bool space = literal(0, " ");
    const auto at = space ? 1u : 0u;
    if (word(at) && (lower(tokens[next + at].text) == "am" || lower(tokens[next + at].text) == "pm")) {
      if (space) take_literal();
      put_everywhere(field(Kind::half));
      ++next;
    }
    while (!done()) take_literal_or_digits();
    return true;
  }

  void take_literal_or_digits() {
    for (const char c : tokens[next].text) put_everywhere({Kind::literal, 0, c});
    ++next;
  }
};

std::vector<DateFormat> DateFormat::candidates(const std::vector<std::string>& samples) {
  if (samples.empty()) return {};
  Fitting fitting{split(samples[0]), 0, {}};
  if (fitting.tokens.empty()) return {};
  fitting.run();
  std::vector<DateFormat> fits;
  for (auto& format : fitting.results) {
    const auto strict = format;
    const auto reads = [&](const DateFormat& tried) {
      return std::all_of(samples.begin(), samples.end(),
                         [&](const auto& text) { return tried.parse(text).has_value(); });
    };
    if (reads(strict)) {
      fits.push_back(strict);
      continue;
    }
    // A sample of two digits says nothing about padding: 10/12/2020 may be followed by 1/1/2021.
    for (auto& field : format.fields_)
      if (field.kind == Kind::month || field.kind == Kind::day || field.kind == Kind::hour) field.width = 0;
    if (reads(format)) fits.push_back(format);
  }
  return fits;
}

}  // namespace longwave
