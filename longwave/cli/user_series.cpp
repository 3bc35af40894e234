#include "longwave/cli/user_series.h"

#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/data/absent_rows.h"
#include "longwave/io/missing.h"

namespace longwave {
namespace {

constexpr const char* kCalendar = "h";

bool has_column(const CsvTable& table, const std::string& name) {
  return std::find(table.columns.begin(), table.columns.end(), name) != table.columns.end();
}

/// The names joined by commas in `text`; a name may have commas itself: of several readings the longest name counts.
std::vector<std::string> names_in(const CsvTable& table, const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= text.size();) {
    auto end = text.size();
    while (end > begin && !has_column(table, text.substr(begin, end - begin))) {
      const auto comma = text.rfind(',', end - 1);
      end = comma == std::string::npos || comma < begin ? begin : comma;
    }
    if (end == begin) end = std::min(text.find(',', begin), text.size());  // no such column
    if (end > begin) names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

/// Without --targets a column may be left out, but for one whose few texts are likely mistakes.
void refuse_stray_texts(const CsvTable& table) {
  for (const auto& column : table.text_columns)
    check(column.kind != TextColumn::Kind::stray, column.mistake, " (--targets chooses other columns)");
}

void keep_columns(CsvTable& table, const std::vector<std::string>& texts) {
  if (texts.empty()) return refuse_stray_texts(table);
  std::vector<std::string> targets;
  for (const auto& text : texts)
    for (auto& name : names_in(table, text)) targets.push_back(std::move(name));
  check(!targets.empty(), "--targets names no column; expected some of ", join(table.columns));
  for (const auto& column : table.text_columns)
    check(column.mistake.empty() || std::find(targets.begin(), targets.end(), column.name) == targets.end(),
          column.mistake);
  std::vector<std::int64_t> kept;
  for (const auto& target : targets) {
    const auto found = std::find(table.columns.begin(), table.columns.end(), target);
    check(found != table.columns.end(), table.path, ": no numeric column '", target, "'",
          suggestion(target, table.columns));
    kept.push_back(found - table.columns.begin());
    check(std::count(kept.begin(), kept.end(), kept.back()) == 1, "--targets names '", target, "' twice");
  }
  std::vector<double> values;
  for (std::int64_t row = 0; row < table.rows; ++row)
    for (const auto column : kept) values.push_back(table.values[row * table.width() + column]);
  table.values = std::move(values);
  table.columns = targets;
}

/// Errors are squared: larger numbers would overflow.
void refuse_huge(const CsvTable& table) {
  constexpr double kMost = 1e100;
  for (std::size_t i = 0; i < table.values.size(); ++i)
    check(!(std::abs(table.values[i]) > kMost), table.path, ":",
          table.line_of(static_cast<std::int64_t>(i) / table.width()), ": column ",
          table.columns[i % table.columns.size()], " has ", table.values[i],
          "; expected numbers of at most 1e100: write it in another unit");
}

/// Under "error" the first missing cell of the kept columns is named.
void refuse_missing(const CsvTable& table) {
  for (std::size_t i = 0; i < table.values.size(); ++i)
    check(!std::isnan(table.values[i]), table.path, ":", table.line_of(static_cast<std::int64_t>(i) / table.width()),
          ": column ", table.columns[i % table.columns.size()],
          " has a missing value; fill it in, or pass --missing interpolate or --missing forward");
}

/// The dates of the table, which under `missing` gets the rows that are absent.
DateAxis complete_dates(UserFile& file, CsvTable& table, const std::string& missing) {
  auto axis = read_dates(table);
  check(!axis.fit.calendar.empty(), table.path, ": the dates of ", table.rows,
        " rows give no frequency; expected at least two rows");
  file.gaps = axis.fit.irregular;
  if (rows_are_absent(axis.fit)) {
    if (missing == "error") refuse_absent_rows(table, axis);
    file.inserted = axis.fit.absent;
    insert_absent_rows(table, axis);
  }
  file.remark = remark_on_dates(table, axis);
  return axis;
}

void add_dates(UserFile& file, const CsvTable& table, const DateAxis& axis, std::int64_t horizon) {
  const auto& calendar = axis.fit.calendar;
  file.past = table.dates;
  file.future = axis.continued(horizon);
  file.date_name = table.date_name;
  file.frequency = calendar.name();
  for (const auto instant : axis.instants) append_calendar(instant, kCalendar, file.series.marks);
  for (std::int64_t i = 1; i <= horizon; ++i)
    append_calendar(calendar.advance(axis.instants.back(), i), kCalendar, file.series.marks);
  const auto seasons = calendar.seasons();
  file.series.season = seasons.empty() ? 0 : seasons.front();
}

void number_rows(UserFile& file, std::int64_t rows, std::int64_t horizon) {
  file.date_name = "step";
  while (std::find(file.series.names.begin(), file.series.names.end(), file.date_name) != file.series.names.end())
    file.date_name += "_number";
  for (std::int64_t i = 1; i <= rows; ++i) file.past.push_back(std::to_string(i));
  for (std::int64_t i = rows + 1; i <= rows + horizon; ++i) file.future.push_back(std::to_string(i));
  file.series.marks.assign((rows + horizon) * calendar_width(kCalendar), 0.f);
}

}  // namespace

UserFile read_user_file(const std::filesystem::path& path, const std::vector<std::string>& targets,
                        const std::string& missing, std::int64_t horizon) {
  CsvOptions options;
  options.missing = CsvOptions::Missing::keep;
  options.text = CsvOptions::Text::skip;
  auto table = read_csv(path, options);
  check(!table.columns.empty(), table.path, ": no numeric column; expected at least one series of numbers");
  check(horizon < table.rows, table.path, ": ", table.rows, " rows are too few for a horizon of ", horizon);
  keep_columns(table, targets);
  refuse_huge(table);
  UserFile file;
  std::optional<DateAxis> axis;
  if (!table.dates.empty()) axis = complete_dates(file, table, missing);
  if (missing == "error") {
    refuse_missing(table);
  } else {
    file.filled = std::count_if(table.values.begin(), table.values.end(), [](double v) { return std::isnan(v); });
    fill_missing(table, missing);
  }
  file.left_out = table.text_columns;
  file.series.names = table.columns;
  file.series.values = table.values;
  file.series.rows = table.rows;
  file.series.time_features = calendar_width(kCalendar);
  if (axis)
    add_dates(file, table, *axis, horizon);
  else
    number_rows(file, table.rows, horizon);
  return file;
}

}  // namespace longwave
