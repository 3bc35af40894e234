#include "longwave/io/arrow_file.h"

#include <gtest/gtest.h>

#include "tests/support/arrow.h"
#include "tests/support/error_message.h"

namespace longwave {
namespace {

using namespace longwave::testing;
using Cells = std::vector<std::string>;

Cells cells(const std::string& bytes, std::size_t column = 0) {
  return parse_columnar(bytes, "t.arrow")->cells(column);
}
std::string error(const std::string& bytes, std::size_t column = 0) {
  return message([&] { cells(bytes, column); });
}

const BufferColumn kTexts{"text", 5, 0, true, 0, {text_buffers({"a", "", "é\n"}), text_buffers({"b"})}};
const BufferColumn kLabels{
    "label", 2, 64, true, 0, {{"", bytes_of_all<std::int64_t>({0, -1, 1})}, {"", bytes_of_all<std::int64_t>({5})}}};

TEST(ArrowFile, BatchesOfStreamsAndFiles) {
  ArrowWriter writer;
  for (const auto& bytes : {writer.stream({kTexts, kLabels}, {3, 1}), writer.file({kTexts, kLabels}, {3, 1})}) {
    EXPECT_EQ(parse_columnar(bytes, "t")->columns(), (Cells{"text", "label"}));
    EXPECT_EQ(cells(bytes, 0), (Cells{"a", "", "é\n", "b"}));
    EXPECT_EQ(cells(bytes, 1), (Cells{"0", "-1", "1", "5"}));
  }
}

TEST(ArrowFile, AFileMayEndWithoutTheMarkOfAStream) {
  constexpr std::size_t mark = 8, index = 16 + 10;
  auto bytes = ArrowWriter().file({kTexts}, {3, 1});
  bytes.erase(bytes.size() - index - mark, mark);
  EXPECT_EQ(cells(bytes), (Cells{"a", "", "é\n", "b"}));
}

TEST(ArrowFile, TypesAsACsvFileHasThem) {
  ArrowWriter writer;
  const auto read = [&](const BufferColumn& column, std::int64_t rows) {
    return cells(writer.stream({column}, {rows}));
  };
  EXPECT_EQ(read({"x", 20, 0, true, 0, {text_buffers<std::int64_t>({"a", "bc"})}}, 2), (Cells{"a", "bc"}));
  EXPECT_EQ(read({"x", 2, 8, true, 0, {{"", "\xff\x01"}}}, 2), (Cells{"-1", "1"}));
  EXPECT_EQ(read({"x", 2, 8, false, 0, {{"", "\xff\x01"}}}, 2), (Cells{"255", "1"}));
  EXPECT_EQ(read({"x", 3, 0, true, 1, {{"", bytes_of_all<float>({0.1f})}}}, 1), (Cells{"0.1"}));
  EXPECT_EQ(read({"x", 3, 0, true, 2, {{"", bytes_of_all<double>({-0.5})}}}, 1), (Cells{"-0.5"}));
  EXPECT_EQ(read({"x", 6, 0, true, 0, {{"", "\x05"}}}, 3), (Cells{"1", "0", "1"}));
}

TEST(ArrowFile, ColumnsThatAreNotReadAreNamedAndPassedOver) {
  ArrowWriter writer;
  const BufferColumn words{"words", 5, 0, true, 0, {{"", bytes_of_all<std::int32_t>({0, 0})}}, {}, true};
  const BufferColumn days{"days", 8, 0, true, 0, {{"", bytes_of_all<std::int32_t>({1, 2})}}};
  const BufferColumn labels{"label", 2, 32, true, 0, {{"", bytes_of_all<std::int32_t>({4, 5})}}};
  const auto bytes = writer.stream({words, days, labels}, {2});
  EXPECT_EQ(cells(bytes, 2), (Cells{"4", "5"}));
  EXPECT_EQ(error(bytes, 0),
            "t.arrow: column 'words' is kept by a dictionary, which is not read; expected plain texts "
            "or numbers");
  EXPECT_EQ(error(bytes, 1),
            "t.arrow: column 'days' holds neither texts nor numbers (lists, dates, views or other "
            "things)");
  const BufferColumn view{"view", 24, 0, true, 0, {{"", ""}}};
  EXPECT_EQ(error(writer.stream({view, labels}, {2}), 1),
            "t.arrow: column 'label' stands behind a column of unions or views, which is not read");
  EXPECT_EQ(error(writer.stream({labels}, {2}, true)),
            "t.arrow: column 'label' is packed (LZ4 or zstd), which is not read; write the file without compression");
}

TEST(ArrowFile, AnEmptyRowIsToldWithItsNumber) {
  ArrowWriter writer;
  auto labels = kLabels;
  labels.batches[0][0] = "\x07";
  labels.batches[1][0] = std::string(1, '\0');
  labels.missing = {0, 1};
  EXPECT_EQ(error(writer.stream({labels}, {3, 1})),
            "t.arrow: column 'label', row 4: no value (null); expected one in every row");
}

TEST(ArrowFile, DamageIsToldWithTheColumn) {
  ArrowWriter writer;
  auto texts = kTexts;
  texts.batches[0][1] = bytes_of_all<std::int32_t>({0, 1, 0, 3});
  EXPECT_EQ(error(writer.stream({texts}, {3, 1})), "t.arrow: column 'text': damaged (a text from byte 1 to 0 of 4)");
  texts.batches[0][1] = bytes_of_all<std::int32_t>({0, 1, 1, 1 << 30});
  EXPECT_EQ(error(writer.stream({texts}, {3, 1})),
            "t.arrow: column 'text': damaged (a text from byte 1 to 1073741824 of 4)");
  EXPECT_NE(error(writer.stream({kLabels}, {std::int64_t{1} << 62, 1})).find("damaged (not "), std::string::npos);
  EXPECT_NE(error(writer.stream({kLabels}, {4, 1})).find("damaged or cut short (32 bytes of values in 24"),
            std::string::npos);
  const auto good = writer.file({kTexts, kLabels}, {3, 1});
  for (std::size_t size = 8; size < good.size(); ++size) EXPECT_NE(error(good.substr(0, size)), "accepted") << size;
}

}  // namespace
}  // namespace longwave
