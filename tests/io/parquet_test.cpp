#include <gtest/gtest.h>

#include "longwave/io/columnar.h"
#include "tests/support/error_message.h"
#include "tests/support/parquet.h"

namespace longwave {
namespace {

using namespace longwave::testing;
using Cells = std::vector<std::string>;
using E = ParquetEncoding;
using P = ParquetPageType;
using T = ParquetType;
using C = ParquetCodec;

Cells cells(const std::string& bytes, std::size_t column = 0) {
  return parse_columnar(bytes, "t.parquet")->cells(column);
}
std::string error(const std::string& bytes, std::size_t column = 0) {
  return message([&] { cells(bytes, column); });
}
/// Of one column and one group.
std::string one(T type, std::vector<Page> pages, C codec = C::none, bool optional = false,
                std::vector<ThriftField> more = {}) {
  return parquet_file({{"x", type, optional, codec, {std::move(pages)}, std::move(more)}});
}
/// DELTA_BINARY_PACKED of up to 33 numbers whose differences, less the least, have `width` bits in these bytes.
std::string deltas(std::size_t count, std::int64_t first, std::int64_t least, int width, const std::string& bits) {
  return varint(128) + varint(4) + varint(count) + zigzag(first) + zigzag(least) + static_cast<char>(width) +
         std::string(3, '\0') + bits;
}

TEST(Parquet, GroupsPagesAndCodecs) {
  for (const auto codec : {C::none, C::snappy, C::gzip, C::zstd})
    for (const auto type : {P::data, P::data_v2})
      for (const bool optional : {false, true}) {
        const auto levels = [&](std::size_t count) { return optional ? run(count, 1) : ""; };
        const PageColumn texts{"text",
                               T::bytes,
                               optional,
                               codec,
                               {{{type, 2, E::plain, plain_texts({"a", "bc"}), levels(2), true},
                                 {type, 1, E::plain, plain_texts({""}), levels(1)}},
                                {{type, 1, E::plain, plain_texts({"é\n"}), levels(1)}}},
                               {{6, thrift_int(0)}}};
        const PageColumn numbers{"label",
                                 T::int64,
                                 optional,
                                 codec,
                                 {{{type, 3, E::plain, plain_numbers<std::int64_t>({0, -1, 1ll << 40}), levels(3)}},
                                  {{type, 1, E::plain, plain_numbers<std::int64_t>({7}), levels(1)}}}};
        const auto bytes = parquet_file({texts, numbers});
        EXPECT_EQ(parse_columnar(bytes, "t")->columns(), (Cells{"text", "label"}));
        EXPECT_EQ(cells(bytes, 0), (Cells{"a", "bc", "", "é\n"}));
        EXPECT_EQ(cells(bytes, 1), (Cells{"0", "-1", "1099511627776", "7"}));
      }
}

TEST(Parquet, TypesAsACsvFileHasThem) {
  EXPECT_EQ(cells(one(T::int32, {{P::data, 2, E::plain, plain_numbers<std::int32_t>({-5, 6})}})), (Cells{"-5", "6"}));
  EXPECT_EQ(cells(one(T::real32, {{P::data, 1, E::plain, plain_numbers<float>({0.1f})}})), (Cells{"0.1"}));
  EXPECT_EQ(cells(one(T::real64, {{P::data, 2, E::plain, plain_numbers<double>({1, -0.5})}})), (Cells{"1", "-0.5"}));
  EXPECT_EQ(cells(one(T::boolean, {{P::data, 9, E::plain, "\x05\x01"}})),
            (Cells{"1", "0", "1", "0", "0", "0", "0", "0", "1"}));
  const auto runs = raw(std::uint32_t{4}) + run(2, 1) + run(1, 0);
  EXPECT_EQ(cells(one(T::boolean, {{P::data, 3, E::rle, runs}})), (Cells{"1", "1", "0"}));
}

TEST(Parquet, Dictionaries) {
  const std::vector<std::int64_t> numbers{30, 10};
  for (const auto encoding : {E::plain_dictionary, E::rle_dictionary}) {
    // width 2: a run of three ones, then a group of eight, of which two are there: 0, 2
    const auto places = "\x02" + run(3, 1) + varint(1 << 1 | 1) + std::string("\x08\x00", 2);
    const auto file =
        one(T::bytes, {{P::dictionary, 3, E::plain, plain_texts({"no", "yes", "?"})}, {P::data, 5, encoding, places}});
    EXPECT_EQ(cells(file), (Cells{"yes", "yes", "yes", "no", "?"}));
    EXPECT_EQ(cells(one(T::int64, {{P::dictionary, 2, E::plain, plain_numbers(numbers)},
                                   {P::data, 2, encoding, "\x01" + run(2, 1)},
                                   {P::data, 1, E::plain, plain_numbers<std::int64_t>({5})}})),
              (Cells{"10", "10", "5"}));  // too many values for a dictionary: the rest is plain
  }
  EXPECT_EQ(error(one(T::int64, {{P::dictionary, 2, E::plain, plain_numbers(numbers)},
                                 {P::data, 1, E::rle_dictionary, "\x02" + run(1, 2)}})),
            "t.parquet: column 'x': damaged (entry 2 of a dictionary of 2)");
}

TEST(Parquet, Differences) {
  // 7, then differences of 3 + {0, 1, 2, 3}, two bits each
  EXPECT_EQ(cells(one(T::int64, {{P::data, 5, E::delta_binary, deltas(5, 7, 3, 2, "\xe4" + std::string(7, '\0'))}})),
            (Cells{"7", "10", "14", "19", "25"}));
  EXPECT_EQ(cells(one(T::int32, {{P::data, 2, E::delta_binary, deltas(2, INT32_MAX, 1, 0, "")}})),
            (Cells{"2147483647", "-2147483648"}));  // 32 bits go round
  EXPECT_EQ(cells(one(T::bytes, {{P::data, 3, E::delta_length, deltas(3, 1, 1, 0, "") + "abbccc"}})),
            (Cells{"a", "bb", "ccc"}));
  // each shares one byte more with the text before it
  EXPECT_EQ(
      cells(one(T::bytes, {{P::data, 3, E::delta_bytes, deltas(3, 0, 1, 0, "") + deltas(3, 2, 0, 0, "") + "abcdef"}})),
      (Cells{"ab", "acd", "acef"}));
  EXPECT_NE(error(one(T::bytes, {{P::data, 2, E::delta_bytes, deltas(2, 1, 0, 0, "") + deltas(2, 1, 0, 0, "") + "ab"}}))
                .find("damaged (a text shares 1 bytes with one of 0)"),
            std::string::npos);
}

TEST(Parquet, WhatIsNotReadIsNamed) {
  const Page text{P::data, 1, E::plain, plain_texts({"a"})};
  const auto converted = [&](T type, int kind) { return one(type, {text}, C::none, false, {{6, thrift_int(kind)}}); };
  const std::string column = "t.parquet: column 'x'";
  EXPECT_EQ(error(converted(T::int32, 6)), column +
                                               " holds dates, times, decimal numbers or numbers without a sign; "
                                               "expected texts or plain numbers");
  EXPECT_EQ(error(converted(T::bytes, 5)),
            column + " holds decimal numbers or objects as bytes; expected texts or numbers");
  EXPECT_EQ(error(one(T::int96, {text})), column +
                                              " holds values of a fixed number of bytes (INT96, "
                                              "FIXED_LEN_BYTE_ARRAY); expected texts or numbers");
  EXPECT_EQ(error(one(T::bytes, {text}, C::brotli)),
            column + " is packed by Brotli, which is not read; expected snappy, gzip, zstd or none");
  EXPECT_EQ(error(one(T::real32, {{P::data, 1, E::byte_stream_split, "abcd"}})),
            column +
                " is written in BYTE_STREAM_SPLIT, which is not read for its type; expected PLAIN, a dictionary, "
                "runs or differences");
  const Page within{P::data, 1, E::plain, plain_texts({"b"})};
  const auto nested = parquet_file({{"list", T::bytes, false, C::none, {}, {{5, thrift_int(1)}}},
                                    {"element", T::bytes, false, C::none, {{within}}},
                                    {"flat", T::bytes, false, C::none, {{text}}}});
  EXPECT_EQ(parse_columnar(nested, "t")->columns(), (Cells{"list", "flat"}));
  EXPECT_EQ(cells(nested, 1), Cells{"a"});
  EXPECT_EQ(error(nested, 0), "t.parquet: column 'list' is nested; expected one value in a row");
  EXPECT_EQ(error("PAR1 anything PARE"), "t.parquet: is encrypted, which is not read");
  EXPECT_EQ(error("version https://git-lfs.github.com/spec/v1\n"),
            "t.parquet: is neither a Parquet nor an Arrow file but a pointer to one; get it with `git lfs pull`");
}

TEST(Parquet, AnEmptyRowIsToldWithItsNumber) {
  EXPECT_EQ(error(one(T::bytes,
                      {{P::data, 2, E::plain, plain_texts({"a", "b"}), run(2, 1)},
                       {P::data, 2, E::plain, plain_texts({"c"}), run(1, 1) + run(1, 0)}},
                      C::none, true)),
            "t.parquet: column 'x', row 4: no value (null); expected one in every row");
}

TEST(Parquet, DamageIsToldWithTheColumn) {
  const auto good = one(T::bytes, {{P::data, 1, E::plain, plain_texts({"abc"}), "", true}});
  EXPECT_EQ(cells(good), Cells{"abc"});
  EXPECT_NE(error(good.substr(0, good.size() - 1)).find("damaged or cut short Parquet file"), std::string::npos);
  auto changed = good;
  changed[good.find("abc")] = 'x';
  EXPECT_EQ(error(changed), "t.parquet: column 'x': damaged (the checksum of a page is wrong); get the file again");
  EXPECT_EQ(error(one(T::int64, {{P::data, 2, E::plain, "12345678"}})),
            "t.parquet: column 'x': damaged or cut short (8 bytes are needed where 0 are left)");
}

TEST(Parquet, ClaimsDoNotDecideHowMuchIsAllocated) {
  for (const auto codec : {C::snappy, C::gzip, C::zstd}) {
    Page page{P::data, 1, E::plain, plain_texts({"abc"})};
    page.claimed_size = INT64_MAX;
    EXPECT_NE(error(one(T::bytes, {page}, codec)).find("does not unpack to 9223372036854775807"), std::string::npos);
  }
  EXPECT_NE(error(one(T::int64, {{P::dictionary, 1, E::plain, plain_numbers<std::int64_t>({1})},
                                 {P::data, 1 << 30, E::rle_dictionary, "\x01" + run(1 << 30, 0)}}))
                .find("claims 1073741824 more values than a file of its size can have"),
            std::string::npos);
  EXPECT_NE(error(one(T::bytes,
                      {{P::dictionary, 1, E::plain, plain_texts({std::string(1 << 16, 'a')})},
                       {P::data, 1 << 20, E::rle_dictionary, "\x01" + run(1 << 20, 0)}},
                      C::zstd))
                .find("claims more text than a file of its size can have"),
            std::string::npos);
}

}  // namespace
}  // namespace longwave
