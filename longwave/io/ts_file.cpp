#include "longwave/io/ts_file.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <string_view>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/io/number.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string_view trimmed(std::string_view text) {
  const char* blank = " \t\r";
  const auto begin = text.find_first_not_of(blank);
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(blank) + 1 - begin);
}

class Parser {
 public:
  Parser(const std::string& text, const std::string& name) : text_(text), name_(name) {}

  TsFile parse() {
    std::string_view line;
    while (next(line)) {
      if (line.empty() || line.front() == '#') continue;
      if (in_data_)
        read_series(line);
      else
        read_header(line);
    }
    check(in_data_, name_, ": no line @data; expected a .ts file of the UEA/UCR archive");
    check(!file_.series.empty(), name_, ": no series after @data; is the file truncated?");
    return std::move(file_);
  }

 private:
  /// The next line without blanks around it, which stays in place in the text.
  bool next(std::string_view& line) {
    if (at_ >= text_.size()) return false;
    const auto end = std::min(text_.find('\n', at_), text_.size());
    line = trimmed(std::string_view(text_).substr(at_, end - at_));
    begin_ = at_;
    at_ = end + 1;
    ++number_;
    return true;
  }
  template <class... Parts>
  void expect(bool ok, const Parts&... parts) const {
    check(ok, name_, ":", number_, ": ", parts...);
  }

  void read_header(std::string_view line) {
    expect(line.front() == '@', "expected a header line that begins with '@', or @data");
    std::istringstream words{std::string(line.substr(1))};
    std::string key, value;
    words >> key >> value;
    key = lower(key);
    if (key == "data") begin_data();
    if (key == "problemname") file_.problem = value;
    if (key == "timestamps") expect(lower(value) != "true", "series with time stamps are not read");
    if (key == "univariate" && lower(value) == "true") read_count("1", "@univariate", file_.channels);
    if (key == "dimensions" || key == "dimension") read_count(value, "@dimensions", file_.channels);
    if (key == "serieslength") read_count(value, "@seriesLength", length_);
    if (key == "targetlabel") expect(lower(value) != "true", "@targetLabel is regression; expected @classLabel true");
    if (key == "classlabel" && lower(value) == "true")
      for (std::string name; words >> name;) file_.classes.push_back(name);
  }
  void read_count(const std::string& value, const char* key, std::int64_t& count) const {
    std::int64_t read = 0;
    for (const char c : value)
      read = c >= '0' && c <= '9' && read >= 0 && read < 1'000'000'000 ? 10 * read + (c - '0') : -1;
    expect(read >= 1, key, " ", value, "; expected a number >= 1");
    expect(count == 0 || count == read, key, " ", value, " contradicts an earlier line, which says ", count);
    count = read;
  }
  void begin_data() {
    expect(!file_.classes.empty(), "no line '@classLabel true NAME NAME ...' before @data");
    in_data_ = true;
  }

  void read_series(std::string_view line) {
    const auto colon = line.rfind(':');
    expect(colon != std::string_view::npos, "expected values, a colon and a class");
    TsSeries series;
    series.label = label_of(std::string(trimmed(line.substr(colon + 1))));
    const auto channels = std::count(line.begin(), line.end(), ':');
    if (file_.channels == 0) file_.channels = channels;
    expect(channels == file_.channels, channels, " channels; expected ", file_.channels);
    const char* at = line.data();
    std::vector<float> values;
    for (std::int64_t c = 0; c < channels; ++c) {
      read_channel(at, values);
      expect(c > 0 || values.size() * static_cast<std::size_t>(channels) <= line.size(), "channel 1 has ",
             values.size(), " values; the line is too short for ", channels, " channels like it");
      if (c == 0) series.values.resize(values.size() * static_cast<std::size_t>(channels));
      const auto steps = series.values.size() / static_cast<std::size_t>(channels);
      expect(values.size() == steps, "channel ", c + 1, " has ", values.size(), " values; expected ", steps,
             " as in channel 1");
      for (std::size_t t = 0; t < steps; ++t)
        series.values[t * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)] = values[t];
    }
    expect(length_ == 0 || static_cast<std::int64_t>(values.size()) == length_, values.size(),
           " steps; expected @seriesLength ", length_);
    file_.series.push_back(std::move(series));
  }

  std::int32_t label_of(const std::string& word) const {
    const auto found = std::find(file_.classes.begin(), file_.classes.end(), word);
    expect(found != file_.classes.end(), "class '", word, "' is not one of @classLabel: ", join(file_.classes));
    return static_cast<std::int32_t>(found - file_.classes.begin());
  }

  /// The values up to the colon at the end of a channel; `at` moves past it. Every line holds such a colon.
  void read_channel(const char*& at, std::vector<float>& values) {
    values.clear();
    for (;;) {
      while (*at == ' ' || *at == '\t') ++at;
      values.push_back(read_value(at));
      while (*at == ' ' || *at == '\t') ++at;
      const char end = *at++;
      if (end == ':') return;
      expect(end == ',', "column ", at - text_.data() - static_cast<std::ptrdiff_t>(begin_),
             ": expected a comma or a colon after a value");
    }
  }
  float read_value(const char*& at) {
    double value = 0;
    if (scan_number(at, '.', value)) {
      expect(std::abs(value) <= std::numeric_limits<float>::max(), value, " is beyond the range of a 32-bit number");
      return static_cast<float>(value);
    }
    const auto word = std::string_view(at, std::strcspn(at, ",: \t\r\n"));
    expect(!word.empty() && is_missing(word), "column ", at - text_.data() - static_cast<std::ptrdiff_t>(begin_) + 1,
           ": '", word, "' is no number (a missing value is ?)");
    at += word.size();
    file_.missing = true;
    return std::numeric_limits<float>::quiet_NaN();
  }

  const std::string& text_;  // ends with '\0', as scan_number needs
  const std::string& name_;
  std::size_t at_ = 0, begin_ = 0;
  std::int64_t number_ = 0, length_ = 0;
  bool in_data_ = false;
  TsFile file_;
};

}  // namespace

TsFile parse_ts(const std::string& text, const std::string& name) { return Parser(text, name).parse(); }

TsFile read_ts(const std::filesystem::path& path) { return parse_ts(read_text(path), path.string()); }

}  // namespace longwave
