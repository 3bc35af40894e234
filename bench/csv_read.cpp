// How fast CSV is read on one core: csv_read [FILE.csv] [repeats]. Without a file, a table like those of the
// forecasting sets is made in memory. Prints the median over the repeats; reading from disk is part of it only with a
// file.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "longwave/base/random.h"
#include "longwave/data/dates.h"
#include "longwave/io/csv.h"
#include "longwave/io/text_source.h"

namespace {

std::string example(const char* number) {
  longwave::RandomStream random{1, 0};
  std::string text = "date,a,b,c,d,e,f,OT\n";
  const auto format = longwave::DateFormat::candidates({"2016-07-01 00:00:00"})[0];
  for (int row = 0; row < 200000; ++row) {
    text += format.format(1467331200 * longwave::kSecond + row * longwave::kHour);
    char cell[40];
    for (int column = 0; column < 7; ++column) {
      std::snprintf(cell, sizeof cell, number, random.normal() * 10);
      text += cell;
    }
    text += '\n';
  }
  return text;
}

void measure(const char* what, const std::string& text, int repeats) {
  std::vector<double> seconds;
  std::int64_t rows = 0;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::clock();  // of the processor: other programs on the machine do not count
    rows = longwave::parse_csv(text, what).rows;
    seconds.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  std::sort(seconds.begin(), seconds.end());
  const auto megabytes = static_cast<double>(text.size()) / 1e6;
  std::printf("%-28s %8.1f MB %9lld rows   median %7.1f MB/s   best %7.1f MB/s\n", what, megabytes,
              static_cast<long long>(rows), megabytes / seconds[seconds.size() / 2], megabytes / seconds[0]);
}

}  // namespace

int main(int count, char** words) {
  const int repeats = count > 2 ? std::atoi(words[2]) : 5;
  if (count > 1) {
    measure(words[1], longwave::read_text(words[1]), repeats);
    return 0;
  }
  measure("6 digits", example(",%.6g"), repeats);
  measure("17 digits (as ETT)", example(",%.17g"), repeats);
}
