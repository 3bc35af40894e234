#include "longwave/io/ts_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/scratch_folder.h"

namespace longwave {
namespace {

const std::string kHeader =
    "#a comment\n@problemName Toy\n@timeStamps false\n@univariate false\n@dimensions 2\n@classLabel true red blue\n";

std::string error_of(const std::string& text) {
  return message_of([&] { parse_ts(text, "f.ts"); });
}

TEST(TsFile, ReadsChannelsLengthsAndClasses) {
  const auto file = parse_ts(kHeader + "@data\r\n1, 2,3 : 4,-5e1,?:blue\r\n7:8.5:red", "f.ts");
  EXPECT_EQ(file.problem, "Toy");
  EXPECT_EQ(file.channels, 2);
  EXPECT_TRUE(file.missing);
  EXPECT_EQ(file.classes, (std::vector<std::string>{"red", "blue"}));
  ASSERT_EQ(file.series.size(), 2u);
  EXPECT_EQ(file.series[0].label, 1);
  const auto& values = file.series[0].values;  // [3 steps, 2 channels]
  ASSERT_EQ(values.size(), 6u);
  EXPECT_EQ(std::vector<float>(values.begin(), values.end() - 1), (std::vector<float>{1, 4, 2, -50, 3}));
  EXPECT_TRUE(std::isnan(values[5]));
  EXPECT_EQ(file.series[1].values, (std::vector<float>{7, 8.5}));
}

TEST(TsFile, MistakesNameTheLine) {
  EXPECT_EQ(error_of("1,2:red\n"), "f.ts:1: expected a header line that begins with '@', or @data");
  EXPECT_EQ(error_of("@data\n"), "f.ts:1: no line '@classLabel true NAME NAME ...' before @data");
  EXPECT_EQ(error_of(kHeader), "f.ts: no line @data; expected a .ts file of the UEA/UCR archive");
  EXPECT_EQ(error_of(kHeader + "@data\n"), "f.ts: no series after @data; is the file truncated?");
  EXPECT_EQ(error_of("@timeStamps true\n"), "f.ts:1: series with time stamps are not read");
  EXPECT_EQ(error_of("@dimensions x\n"), "f.ts:1: @dimensions x; expected a number >= 1");
  const auto data = kHeader + "@data\n";
  EXPECT_EQ(error_of(data + "1:2:green\n"), "f.ts:8: class 'green' is not one of @classLabel: red, blue");
  EXPECT_EQ(error_of(data + "1:red\n"), "f.ts:8: 1 channels; expected 2");
  EXPECT_EQ(error_of(data + "1,2:3:red\n"), "f.ts:8: channel 2 has 1 values; expected 2 as in channel 1");
  EXPECT_EQ(error_of(data + "1,x:3,4:red\n"), "f.ts:8: column 3: 'x' is no number (a missing value is ?)");
  EXPECT_EQ(error_of(data + "1 2:3,4:red\n"), "f.ts:8: column 3: expected a comma or a colon after a value");
  EXPECT_EQ(error_of(data + "1,2\n"), "f.ts:8: expected values, a colon and a class");
  EXPECT_EQ(error_of(data + "1,1e39:3,4:red\n"), "f.ts:8: 1e+39 is beyond the range of a 32-bit number");
  EXPECT_EQ(error_of("@classLabel true a b\n@data\n1,1,1,1,1:1:1:1:1:1:1:1:a\n"),
            "f.ts:3: channel 1 has 5 values; the line is too short for 8 channels like it");
  EXPECT_EQ(error_of("@univariate true\n@classLabel true a b\n@seriesLength 3\n@data\n1,2:a\n"),
            "f.ts:5: 2 steps; expected @seriesLength 3");
}

}  // namespace
}  // namespace longwave
