// The sets `wikitext` and `characters`, vocabularies and n-gram perplexities.

#include <gtest/gtest.h>

#include <cmath>

#include "longwave/data/token_streams.h"
#include "tests/data/data_folder.h"
#include "tests/data/sequence_set_testing.h"
#include "tests/support/parquet.h"

namespace longwave {
namespace {

using Tokens = std::vector<std::int32_t>;

TEST(Vocabulary, EveryLineEndsAndTheRestIsWords) {
  Vocabulary vocabulary;
  EXPECT_EQ(vocabulary.read(" b a\t b\n\n a \r\nc"), (Tokens{1, 2, 1, 0, 0, 2, 0, 3, 0}));
  EXPECT_EQ(vocabulary.names(), (std::vector<std::string>{"<eos>", "b", "a", "c"}));
}

TEST(Vocabulary, OrderIsEosThenFrequencyThenFirstSeen) {
  Vocabulary vocabulary;
  vocabulary.read("c b a a b d d d");
  EXPECT_EQ(vocabulary.sort_by_frequency(), (Tokens{0, 4, 2, 3, 1}));
  EXPECT_EQ(vocabulary.names(), (std::vector<std::string>{"<eos>", "d", "b", "a", "c"}));
  EXPECT_EQ(vocabulary.read("d c"), (Tokens{1, 4, 0}));
}

TEST(Vocabulary, UnknownWordsNeedAnUnk) {
  Vocabulary with, without;
  with.read("a <unk>"), without.read("a");
  EXPECT_EQ(with.read_known("a b\n", "f"), (Tokens{1, 2, 0}));
  try {
    without.read_known("a\nb\n", "f");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "f:2: 'b' is not in the training text, which has no <unk>");
  }
}

TEST(Perplexity, ByHand) {  // counts 3, 1, 0 of a vocabulary of 3: (3.1, 1.1, 0.1) / 4.3
  const Tokens train{0, 0, 1, 0};
  EXPECT_NEAR(unigram_perplexity(train, {0, 2}, 3), std::sqrt(4.3 / 3.1 * 4.3 / 0.1), 1e-12);
  // after 0 come 0 and 1, of its three occurrences; 2 has no successor
  const double zero_one = 0.5 * 1 / 3 + 0.5 * 1.1 / 4.3, two_zero = 3.1 / 4.3, one_two = 0.5 * 0.1 / 4.3;
  EXPECT_NEAR(bigram_perplexity(train, {0, 1, 2, 0}, 3), std::pow(zero_one * one_two * two_zero, -1. / 3), 1e-12);
}

TEST(Perplexity, ProbabilitiesAddUpToOneAfterTokensWithSuccessors) {
  const Tokens train{0, 1, 0, 0, 2, 1, 0};
  double sum = 0;
  for (std::int32_t token = 0; token < 4; ++token) sum += 1 / bigram_perplexity(train, {1, token}, 4);
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(WikiTextSet, EveryNameAndTheRulesOfBothVocabularies) {
  const ScratchFolder folder("wikitext_test");
  for (const std::string file : {"wikitext-2/wiki.", "wikitext-103-v1/wiki."}) {
    folder.put(file + "train.tokens", " a <unk> a \n");
    folder.put(file + "valid.tokens", " b \n");
    folder.put(file + "test.tokens", " a \n");
  }
  const auto two = make_set("wikitext", {}, {folder.path()});
  EXPECT_EQ(two->facts().vocabulary, 4);
  EXPECT_EQ(two->facts().protocol, "wikitext-words");
  EXPECT_EQ(two->stream(Split::train), (Tokens{1, 2, 1, 0}));
  EXPECT_EQ(two->stream(Split::val), (Tokens{3, 0}));
  const auto hundred = make_set("wikitext", {{"corpus", "wikitext-103"}}, {folder.path()});
  EXPECT_EQ(hundred->facts().vocabulary, 3);
  EXPECT_EQ(hundred->stream(Split::val), (Tokens{2, 0}));
  EXPECT_EQ(hundred->facts().found.back().substr(0, 24), "not the published counts");
  const auto mini = make_set("wikitext", {{"parts", "mini"}}, {folder.path()});
  EXPECT_EQ(mini->samples(Split::val), 0);
  EXPECT_EQ(mini->facts().protocol, "wikitext-mini");
  EXPECT_EQ(mini->facts().token_names, (std::vector<std::string>{"<eos>", "b", "a"}));
  SequenceExample example;
  EXPECT_THROW(two->example(Split::train, 0, example), UserError);
}

TEST(WikiTextSet, BytesThatAreNoTextAndSplitsWithoutAPairAreRefused) {
  const ScratchFolder folder("wikitext_refusals_test");
  for (const std::string part : {"train", "valid", "test"}) folder.put("wikitext-2/" + part + ".txt", " a \n b \n");
  const auto error = [&](const Json& settings = Json::object()) {
    return error_of_set("wikitext", settings, {folder.path()});
  };
  EXPECT_EQ(error(), "");
  folder.put("wikitext-2/valid.txt", " a \n b \xff c \n");
  const auto expected = (folder.path() / "wikitext-2/valid.txt").string() +
                        ":2:4: byte 0xff is no UTF-8; expected a text in UTF-8 (iconv -f latin1 -t utf8 converts an "
                        "older one)";
  EXPECT_EQ(error(), expected);
  EXPECT_EQ(error({{"parts", "mini"}}), expected);
  folder.put("wikitext-2/valid.txt", "\n");
  EXPECT_NE(error().find("valid.txt: the val split has 1 token; expected at least 2"), std::string::npos) << error();
}

TEST(WikiTextSet, TheRawArchivesAreAnotherBenchmark) {
  for (const std::string before : {"wiki.train.raw", "train.txt", "train-00000-of-00001.parquet"}) {
    const ScratchFolder folder("wikitext_raw_test");
    for (std::string part : {"train", "valid", "test"}) {
      if (part == "valid" && before.ends_with("parquet")) part = "validation";
      auto file = before;
      folder.put("wikitext-2-raw-v1/" + file.replace(file.find("train"), 5, part), " a \n b \n");
    }
    const auto inside = folder.path() / "wikitext-2-raw-v1";
    for (const auto& root : {folder.path(), inside}) {
      EXPECT_THROW(make_set("wikitext", {}, {root}), DataNotReady);
      const auto error = error_of_set("wikitext", {}, {root});
      EXPECT_NE(error.find(inside.string() + ": WikiText raw is another benchmark"), std::string::npos) << error;
      EXPECT_EQ(error.find('\n'), std::string::npos);
      EXPECT_EQ(discover_files(find_sequence_data("wikitext").layouts, {root}).size(), 1u);
    }
  }
}

TEST(WikiTextSet, RowsOfATableAreLines) {  // empty ones without a newline, as the data sets library has them
  const ScratchFolder folder("wikitext_parquet_test");
  const auto table = [](const std::vector<std::string>& rows) {
    using testing::Page;
    return testing::parquet_file(
        {{"text",
          ParquetType::bytes,
          false,
          ParquetCodec::none,
          {{Page{ParquetPageType::data, std::ssize(rows), ParquetEncoding::plain, testing::plain_texts(rows)}}}}});
  };
  folder.put("wikitext-2-v1/train-00000-of-00002.parquet", table({"", " a <unk> a \n"}));
  folder.put("wikitext-2-v1/train-00001-of-00002.parquet", table({" b \n"}));
  folder.put("wikitext-2-v1/validation-00000-of-00001.parquet", table({" b \n"}));
  folder.put("wikitext-2-v1/test-00000-of-00001.parquet", table({"", ""}));
  const auto data = make_set("wikitext", {}, {folder.path()});
  EXPECT_EQ(data->stream(Split::train), (Tokens{0, 1, 3, 1, 0, 2, 0}));
  EXPECT_EQ(data->stream(Split::val), (Tokens{2, 0}));
  EXPECT_EQ(data->stream(Split::test), (Tokens{0, 0}));
  folder.put("wikitext-2-v1/test-00000-of-00001.parquet", table({"", " caf\xe9 \n"}));
  EXPECT_NE(
      error_of_set("wikitext", {}, {folder.path()}).find("test-00000-of-00001.parquet:2:5: byte 0xe9 is no UTF-8"),
      std::string::npos);
  folder.put("wikitext-2-v1/test-00000-of-00001.parquet", "text\nPARX");
  EXPECT_NE(message_of([&] {
              make_set("wikitext", {}, {folder.path()});
            }).find("test-00000-of-00001.parquet: is neither a Parquet nor"),
            std::string::npos);
}

TEST(WikiTextReal, PublishedCounts) {
  const auto roots = test_data_roots();
  try {
    const auto data = make_set("wikitext", {}, roots);
    EXPECT_EQ(data->samples(Split::train), 2088628);
    EXPECT_EQ(data->samples(Split::val), 217646);
    EXPECT_EQ(data->samples(Split::test), 245569);
    EXPECT_EQ(data->facts().vocabulary, 33278);
    EXPECT_EQ(data->facts().found.back(), "token counts and vocabulary are the published ones");
  } catch (const DataNotFound&) {
    GTEST_SKIP() << "no WikiText-2 under LONGWAVE_DATA";
  }
}

TEST(WikiTextReal, FloorsOfTheMiniVariant) {
  const auto roots = test_data_roots();
  try {
    const auto data = make_set("wikitext", {{"parts", "mini"}}, roots);
    EXPECT_EQ(data->facts().vocabulary, 18328);
    EXPECT_EQ(data->samples(Split::train), 217646);
    const auto lines = data->baselines();
    EXPECT_NEAR(lines.at(0).score, 984, 0.5);
    EXPECT_NEAR(lines.at(1).score, 519, 0.5);
  } catch (const DataNotFound&) {
    GTEST_SKIP() << "no WikiText-2 under LONGWAVE_DATA";
  }
}

TEST(CharactersSet, OneFileIsCutAndThreeAreTaken) {
  const ScratchFolder folder("characters_test");
  folder.put("own/input.txt", "ababababcé\n");
  const auto one = make_set("characters", {{"name", "own"}, {"validation", 0.2}, {"test", 0.2}}, {folder.path()});
  EXPECT_EQ(one->facts().token_names, (std::vector<std::string>{"\\n", "a", "b", "c", "é"}));
  EXPECT_EQ(one->stream(Split::train), (Tokens{1, 2, 1, 2, 1, 2}));
  EXPECT_EQ(one->stream(Split::val), (Tokens{1, 2, 3}));
  EXPECT_EQ(one->stream(Split::test), (Tokens{4, 0}));
  const auto bytes = make_set("characters", {{"name", "own"}, {"unit", "byte"}}, {folder.path()});
  EXPECT_EQ(bytes->facts().token_names.back(), "\\xc3");
  EXPECT_EQ(bytes->facts().protocol, "by-byte");
  EXPECT_EQ(bytes->samples(Split::train) + bytes->samples(Split::val), 12);
  for (const std::string part : {"train", "valid", "test"}) folder.put("three/" + part + ".txt", part);
  const auto three = make_set("characters", {{"name", "three"}}, {folder.path()});
  EXPECT_EQ(three->samples(Split::test), 4);
  EXPECT_EQ(three->samples(Split::val), 5);
  folder.put("marked/input.txt",
             "\xef\xbb\xbf"
             "abab");
  EXPECT_EQ(make_set("characters", {{"name", "marked"}, {"validation", 0.5}}, {folder.path()})->facts().token_names,
            (std::vector<std::string>{"a", "b"}));
  folder.put("latin/input.txt", "caf\xe9 noir");
  EXPECT_NE(error_of_set("characters", {{"name", "latin"}}, {folder.path()}).find("input.txt: byte 4 is no UTF-8"),
            std::string::npos);
  folder.put("replaced/input.txt", "caf\xef\xbf\xbd noir");  // the character itself is one
  EXPECT_EQ(make_set("characters", {{"name", "replaced"}, {"validation", 0.3}}, {folder.path()})->samples(Split::train),
            6);
}

TEST(CharactersSet, EverySplitThatIsAskedForHasTwoTokens) {
  const ScratchFolder folder("characters_short_test");
  folder.put("own/input.txt", "abcdef");
  const auto error = [&](const Json& settings) { return error_of_set("characters", settings, {folder.path()}); };
  EXPECT_EQ(error({{"name", "own"}}),
            (folder.path() / "own/input.txt").string() +
                ": the val split has 1 token; expected at least 2, one to read and one to predict; take a longer text, "
                "or another share of it");
  EXPECT_NE(error({{"name", "own"}, {"validation", 0.4}, {"test", 0.1}}).find("the test split has 0 tokens"),
            std::string::npos);
  EXPECT_EQ(error({{"name", "own"}, {"validation", 0.4}}), "");
  for (const std::string part : {"train", "valid", "test"}) folder.put("three/" + part + ".txt", part);
  folder.put("three/test.txt", "t");
  EXPECT_NE(error({{"name", "three"}}).find("test.txt: the test split has 1 token;"), std::string::npos);
}

TEST(CharactersSet, CountsWordsAsWikiTextDoes) {
  const ScratchFolder folder("words_test");
  const std::string text = "to  be\n\n é\tnot ";  // two words, two ends of lines, two words
  for (const std::string part : {"train", "valid", "test"}) folder.put("own/" + part + ".txt", text);
  for (const std::string unit : {"character", "byte"}) {
    const auto data = make_set("characters", {{"name", "own"}, {"unit", unit}}, {folder.path()});
    EXPECT_EQ(data->facts().unit, unit);
    EXPECT_EQ(data->text_size(Split::test).words, 6) << unit;
    EXPECT_EQ(data->text_size(Split::test).bytes, static_cast<std::int64_t>(text.size()) - 1) << unit;
  }
}

TEST(CharactersReal, TinyShakespeare) {
  try {
    const auto data = make_set("characters", {}, test_data_roots());
    EXPECT_EQ(data->samples(Split::train), 1003854);
    EXPECT_EQ(data->samples(Split::val), 111540);
    EXPECT_EQ(data->facts().vocabulary, 65);
    EXPECT_LT(data->baselines().at(1).score, data->baselines().at(0).score);
  } catch (const DataNotFound&) {
    GTEST_SKIP() << "no tiny_shakespeare under LONGWAVE_DATA";
  }
}

}  // namespace
}  // namespace longwave
