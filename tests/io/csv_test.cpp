#include "longwave/io/csv.h"

#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/io/csv_column.h"
#include "longwave/io/number.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

CsvOptions lenient() {
  CsvOptions options;
  options.missing = CsvOptions::Missing::keep;
  options.text = CsvOptions::Text::skip;
  return options;
}

std::string error_of(const std::string& text, const CsvOptions& options = {}) {
  try {
    parse_csv(text, "f.csv", options);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// Kind, name and mistake of the columns that are left out.
std::vector<std::tuple<TextColumn::Kind, std::string, std::string>> left_out(const std::string& text) {
  std::vector<std::tuple<TextColumn::Kind, std::string, std::string>> columns;
  for (const auto& column : parse_csv(text, "f.csv", lenient()).text_columns)
    columns.emplace_back(column.kind, column.name, column.mistake);
  return columns;
}

std::string gz(const std::string& text) {
  std::string out(text.size() + 100, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string xz(const std::string& text) {
  std::string out(text.size() + 200, '\0');
  std::size_t used = 0;
  lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                          reinterpret_cast<std::uint8_t*>(out.data()), &used, out.size());
  out.resize(used);
  return out;
}

TEST(CsvNames, InLatin1AreRead) {
  const auto table = parse_csv(
      "date,PAR (\xb5mol),\xc2\xb0"
      "C\n2020-01-01,1,2\n2020-01-02,3,4\n",
      "f.csv");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"PAR (\xc2\xb5mol)",
                                                     "\xc2\xb0"
                                                     "C"}));
}

TEST(Csv, LineEndsDelimitersAndTheLastNewlineDoNotMatter) {
  for (const std::string text :
       {"date,a,b\n2020-01-01,1,2.5\n2020-01-02,-3,4e2\n", "date,a,b\r\n2020-01-01,1,2.5\r\n2020-01-02,-3,4e2",
        "date;a;b\n2020-01-01;1;2,5\n2020-01-02;-3;4e2",
        "\xef\xbb\xbf"
        "date\ta\tb\n2020-01-01\t1\t2.5\n2020-01-02\t-3\t400\n\n",
        "\"date\",\"a\",\"b\"\n\"2020-01-01\",\"1\", 2.5 \n\n2020-01-02,-3,+400.0\n"}) {
    SCOPED_TRACE(text);
    const auto table = parse_csv(text, "f.csv");
    EXPECT_EQ(table.columns, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(table.dates, (std::vector<std::string>{"2020-01-01", "2020-01-02"}));
    EXPECT_EQ(table.values, (std::vector<double>{1, 2.5, -3, 400}));
  }
}

TEST(Csv, QuotedCellsMayHoldDelimitersQuotesAndLineEnds) {
  const auto table = parse_csv("\"a,1\",\"b \"\"x\"\"\",\"c\nd\"\n1,2,3\n", "f.csv");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"a,1", "b \"x\"", "c\nd"}));
  EXPECT_EQ(table.line_of(0), 3);
}

TEST(Csv, HeaderIsDetected) {
  EXPECT_EQ(parse_csv("1,2\n3,4\n", "f.csv").rows, 2);
  EXPECT_EQ(parse_csv("date,0,1\n2020-01-01,2,3\n", "f.csv").columns, (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ(parse_csv("12 %,123 456 789,2\n13 %,123 456 790,4\n", "f.csv", lenient()).values,
            (std::vector<double>{2, 4}));
}

TEST(Csv, MissingValuesAreListedAndTextColumnsLeftOut) {
  const auto table =
      parse_csv("date,city,a,b\n2020-01-01,Ulm,,1\n2020-01-02,Bonn,NA,-\n2020-01-03,Ulm,3,?\n", "f.csv", lenient());
  ASSERT_EQ(table.text_columns.size(), 1u);
  EXPECT_EQ(table.text_columns[0].name, "city");
  EXPECT_EQ(table.text_columns[0].mistake, "");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(table.missing.size(), 4u);
  EXPECT_EQ(table.missing[3].row, 2);
  EXPECT_EQ(table.missing[3].column, 1);
  EXPECT_EQ(table.missing[3].line, 4);
  EXPECT_TRUE(std::isnan(table.values[0]));
}

TEST(Csv, EveryMistakeIsOneClearLine) {
  EXPECT_EQ(error_of("a,b\n1,2\n3,x7\n"), "f.csv:3:2: 'x7' in column 'b' is not a number");
  EXPECT_EQ(error_of("b\n2\nx7\n5\n", lenient()), "f.csv:3:1: 'x7' in column 'b' is not a number");
  EXPECT_EQ(error_of("a,b\n1,1e999\n"), "f.csv:2:2: '1e999' in column 'b' is not a number");
  EXPECT_EQ(error_of("a,b\n1,2\n3\n"), "f.csv:3: 1 cell; expected 2 as in the header");
  EXPECT_EQ(error_of("a,b\n1,2,3\n"), "f.csv:2: 3 cells; expected 2 as in the header");
  EXPECT_EQ(error_of("a,b\n1,\n"),
            "f.csv:2: missing value in column 'b' (1 in the file); expected a number in every cell");
  EXPECT_EQ(error_of("a,a\n1,2\n"), "f.csv:1:2: a second column called 'a'; expected every name once");
  EXPECT_EQ(error_of(""), "f.csv: empty file; expected a header line and rows of values");
  EXPECT_EQ(error_of("a,b\n"), "f.csv: only a header and no rows; expected at least one row of values");
  EXPECT_NE(error_of(std::string("PNG\0\1", 5)).find("binary"), std::string::npos);
  EXPECT_NE(error_of("a,b\n1,\"2\n").find("never closed"), std::string::npos);
  EXPECT_NE(error_of("\xff\xfe"
                     "a")
                .find("UTF-16"),
            std::string::npos);
  EXPECT_THROW(read_csv("no/such/file.csv"), UserError);
  EXPECT_THROW(read_csv(std::filesystem::temp_directory_path()), UserError);
}

TEST(Csv, NumbersInOtherClothesAreNamed) {
  const std::string mend =
      " is not a plain number; write it without currency, percent and thousands signs, like -1200.5";
  EXPECT_EQ(error_of("a,b\n1,\"1,200\"\n"), "f.csv:2:2: '1,200' in column 'b'" + mend);
  using Kind = TextColumn::Kind;
  EXPECT_EQ(left_out("a,b,c,d,e\n1,12 %,x,1,2\n2,\"$1,200\",12 %,5 %,x7\n2,7 %,y,2,3\n"),
            (std::vector<std::tuple<Kind, std::string, std::string>>{
                {Kind::dressed, "b", "f.csv:2:2: '12 %' in column 'b'" + mend},
                {Kind::text, "c", ""},
                {Kind::stray, "d", "f.csv:3:4: '5 %' in column 'd'" + mend},
                {Kind::stray, "e", "f.csv:3:5: 'x7' in column 'e' is not a number"}}));
  EXPECT_EQ(error_of("a\n12 %\n13 %\n", lenient()), "f.csv:2:1: '12 %' in column 'a'" + mend);
  EXPECT_EQ(parse_csv("a\n+3\n-4\n", "f.csv").values, (std::vector<double>{3, -4}));
  for (const char* text : {"$1,200", "-$5", "12 %", "12%", "(300)", "1.234,5", "1,234.5", "1 000", "1'000'000", "1,5",
                           "1.234.567", "3-", "\xe2\x82\xac 5", "5,00 \xe2\x82\xac",
                           "1\xc2\xa0"
                           "000",
                           "\xe2\x88\x92"
                           "3"})
    EXPECT_TRUE(is_dressed_number(text)) << text;
  for (const char* text :
       {"", "x", "12 kg", "2020-01-01", "12:30", "31.12.2020", "1.2.3.4", "A1", "No. 5", "-", "$", "1 2",
        "\xe7\xac\xac"
        "1",
        "1/2", "5,5,5"})
    EXPECT_FALSE(is_dressed_number(text)) << text;
}

TEST(Csv, OneDecimalSignInAFile) {
  EXPECT_EQ(
      error_of("a;b\n1;0,5\n2;3\n1.234;7\n"),
      "f.csv:4: the number '1.234' has another decimal sign than '0,5' in line 2; write all numbers of a file one way");
  using Kind = TextColumn::Kind;
  EXPECT_EQ(left_out("a;b;c\n1;1234.5;1234.5\n2;\"1.234,5\";1244.5\n2;\"1.334,5\";\"1.334,5\"\n"),
            (std::vector<std::tuple<Kind, std::string, std::string>>{
                {Kind::dressed, "b",
                 "f.csv:3: the number '1.234,5' has another decimal sign than '1234.5' in line 2; write all numbers of "
                 "a file one way"},
                {Kind::stray, "c",
                 "f.csv:4: the number '1.334,5' has another decimal sign than '1234.5' in line 2; write all numbers of "
                 "a file one way"}}));
  EXPECT_EQ(parse_csv("a;b\n1;0,5\n2,25;3\n", "f.csv").values, (std::vector<double>{1, 0.5, 2.25, 3}));
}

TEST(Csv, IdentifiersAreNoDates) {
  const auto table = parse_csv("id,a\n123 456 789,1\n123 456 790,2\n", "f.csv", lenient());
  EXPECT_EQ(table.date_name, "");
  ASSERT_EQ(table.text_columns.size(), 1u);
  EXPECT_EQ(table.text_columns[0].kind, TextColumn::Kind::dressed);
  EXPECT_EQ(parse_csv("day,a\n3 Jan 2020,1\n", "f.csv").date_name, "day");
  EXPECT_EQ(parse_csv("x,a\n01 02 2020,1\n", "f.csv").date_name, "x");
}

TEST(Csv, PackedTextIsReadAndDamageIsFound) {
  const std::string text = "a,b\n1,2\n";
  for (const auto& packed : {gz(text), xz(text)}) {
    EXPECT_EQ(unpack_text(packed, "f"), text);
    EXPECT_EQ(unpack_text(packed + packed, "f"), text + text);
    EXPECT_THROW(unpack_text(packed.substr(0, packed.size() - 3), "f"), UserError);
    auto damaged = packed;
    damaged[packed.size() / 2] ^= 0x55;
    EXPECT_THROW(unpack_text(damaged, "f"), UserError);
  }
}

TEST(Number, IsReadAsTheStandardLibraryReadsIt) {
  for (const char* text :
       {"0", "-0.0", "5.827000141143799", "30.531000137329102", "1e22", "1e23", "123456789012345678901234567890",
        "4.9e-324", "1.7976931348623157e308", "9007199254740993", ".5", "5.", "+7"}) {
    const char* at = text;
    double value = -1;
    EXPECT_TRUE(scan_number(at, '.', value)) << text;
    EXPECT_EQ(*at, '\0') << text;
    EXPECT_EQ(value, std::strtod(text, nullptr)) << text;
  }
  for (const char* text : {"", "-", ".", "e5", "inf", "nan", "1e999"}) {
    const char* at = text;
    double value;
    EXPECT_FALSE(scan_number(at, '.', value)) << text;
  }
}

}  // namespace
}  // namespace longwave
