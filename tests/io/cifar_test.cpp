#include "longwave/io/cifar.h"

#include <gtest/gtest.h>

#include "longwave/io/pickle.h"
#include "tests/support/scratch_folder.h"

namespace longwave {
namespace {

using namespace std::string_literals;

std::string image(int seed) {
  std::string pixels(CifarImages::kBytes, '\0');
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<char>(i * 7 + static_cast<std::size_t>(seed));
  return pixels;
}

std::string short_text(const std::string& text) { return "U" + std::string(1, static_cast<char>(text.size())) + text; }

/// A batch as Python 2 pickles it, with protocol 2.
std::string batch(const std::string& labels, const std::string& data, const std::string& type = "u1") {
  std::string size(4, '\0');
  for (int i = 0; i < 4; ++i) size[i] = static_cast<char>(data.size() >> 8 * i);
  return "\x80\2}q\1("s + short_text("batch_label") + "q\2" + short_text("batch 1 of 5") + "q\3" +
         short_text("labels") + "q\4]q\5(" + labels + "e" + short_text("data") +
         "q\6cnumpy.core.multiarray\n_reconstruct\nq\7cnumpy\nndarray\n" + "q\x8K\0\x85q\x9"s + short_text("b") +
         "q\n\x87q\xbRq\xc(K\1K\2M\0\xc\x86q\rcnumpy\ndtype\nq\xe"s + short_text(type) + "K\0K\1\x87Rq\x11(K\3"s +
         short_text("|") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T"s + size + data + "tbu.";
}

std::string error_of(const std::string& bytes) {
  CifarImages images;
  return message_of([&] { parse_cifar(bytes, "f", images); });
}

TEST(Cifar, BinaryRecordsAndThePickledBatchHoldTheSame) {
  CifarImages records, pickled;
  parse_cifar("\3" + image(1) + "\x9" + image(2), "f", records);
  parse_cifar(batch("K\3K\x9", image(1) + image(2)), "f", pickled);
  EXPECT_EQ(records.labels, (std::vector<std::int32_t>{3, 9}));
  EXPECT_EQ(records.pixels, image(1) + image(2));
  EXPECT_EQ(pickled.labels, records.labels);
  EXPECT_EQ(pickled.pixels, records.pixels);
  parse_cifar("\0"s + image(5), "f", records);  // a second file
  EXPECT_EQ(records.labels.size(), 3u);
  EXPECT_EQ(records.pixels.substr(2 * CifarImages::kBytes), image(5));
}

TEST(Cifar, DamageIsOneClearLine) {
  EXPECT_NE(error_of("\3" + image(1) + "\3").find("f: 3074 bytes; expected records of 3073 bytes"), std::string::npos);
  EXPECT_NE(error_of("").find("0 bytes"), std::string::npos);
  EXPECT_EQ(error_of("\3" + image(1) + "\xa" + image(1)),
            "f: record 1 has label 10; expected 0 to 9 (is it CIFAR-10, and whole?)");
  EXPECT_NE(error_of(batch("K\3", image(1) + image(2))).find("'data' has 6144 bytes and 'labels' 1 entries"),
            std::string::npos);
  EXPECT_NE(error_of(batch("K\3K\xb", image(1) + image(2))).find("label 11"), std::string::npos);
  EXPECT_NE(error_of(batch("K\3", image(1), "f4")).find("array of type f4; expected unsigned bytes"),
            std::string::npos);
  const auto whole = batch("K\3", image(1));
  for (std::size_t cut = 1; cut < whole.size(); cut += cut < 300 ? 1 : 501)
    EXPECT_NE(error_of(whole.substr(0, cut)).find("f: "), std::string::npos) << cut;
}

TEST(Pickle, NothingIsExecuted) {
  const auto error = message_of([] { parse_pickle("\x80\2cposix\nsystem\nU\2id\x85R."s, "f"); });
  EXPECT_EQ(error, "f: the pickle asks for posix.system; only plain values and NumPy arrays of bytes are read");
}

TEST(Pickle, ValuesOfProtocol4) {  // {'a': [1, b'xy', None, True, -2]}
  const auto value =
      parse_pickle("\x80\4\x95\x1d\0\0\0\0\0\0\0}\x94\x8c\1a\x94]\x94(K\1C\2xy\x94N\x88J\xfe\xff\xff\xff\x65s."s, "f");
  const auto& list = value->at("a", "f");
  ASSERT_EQ(list.items.size(), 5u);
  EXPECT_EQ(list.items[0]->integer, 1);
  EXPECT_EQ(list.items[1]->text, "xy");
  EXPECT_EQ(list.items[2]->kind, Pickle::Kind::none);
  EXPECT_EQ(list.items[3]->integer, 1);
  EXPECT_EQ(list.items[4]->integer, -2);
  EXPECT_EQ(message_of([&] { value->at("b", "f"); }), "f: the pickle has no 'b'; it has a");
}

TEST(Pickle, ValuesThatHoldThemselvesOrNestTooDeepAreRefused) {
  EXPECT_NE(message_of([] { parse_pickle("\x80\2]q\1h\1a."s, "f"); }), "");  // l = []; l.append(l)
  std::string deep = "\x80\2"s;
  for (int i = 0; i < 1000; ++i) deep += "]";
  for (int i = 0; i < 999; ++i) deep += "a";
  EXPECT_NE(message_of([&] { parse_pickle(deep + ".", "f"); }).find("nested too deep"), std::string::npos);
}

}  // namespace
}  // namespace longwave
