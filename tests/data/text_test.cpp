// The set `text`, its encodings, its reader and naive Bayes.

#include <gtest/gtest.h>

#include <set>

#include "longwave/data/documents.h"
#include "longwave/data/naive_bayes.h"
#include "longwave/data/text_encoding.h"
#include "tests/data/data_folder.h"
#include "tests/data/sequence_set_testing.h"
#include "tests/support/arrow.h"
#include "tests/support/parquet.h"

namespace longwave {
namespace {

TEST(TextEncoding, CodePointsAndWhatIsNone) {
  const auto points = [](const std::string& text) {
    std::vector<char32_t> all;
    for (std::size_t at = 0; at < text.size();) all.push_back(next_code_point(text, at));
    return all;
  };
  EXPECT_EQ(points("aé€😀"), (std::vector<char32_t>{'a', 0xE9, 0x20AC, 0x1F600}));
  const std::vector<char32_t> bad{0xFFFD, 0xFFFD, 'x'};
  EXPECT_EQ(points("\xC0\xAFx"), bad);                                           // longer than needed
  EXPECT_EQ(points("\xF8\x88x"), bad);                                           // no first byte
  EXPECT_EQ(points("\xED\xA0\x80").size(), 3u);                                  // half of a pair
  EXPECT_EQ(points("x\xE2\x82"), (std::vector<char32_t>{'x', 0xFFFD, 0xFFFD}));  // cut short
  for (const char32_t point : {U'a', U'é', U'€', U'😀'}) EXPECT_EQ(points(utf8(point)), std::vector<char32_t>{point});
}

TEST(TextEncoding, IdsOfTheProtocols) {
  CharacterCounts counts;
  count_characters("bbbaaé", counts);
  std::vector<std::int32_t> ids;
  const TextEncoding strict("lra-strict", 5, {}, 0), old("lra-2020", 5, {}, 0), characters("lra-s4", 5, counts, 2);
  strict.encode("é", ids);
  EXPECT_EQ(ids, (std::vector<std::int32_t>{0xC3 + 1, 0xA9 + 1, 257}));
  old.encode("é", ids);
  EXPECT_EQ(ids, (std::vector<std::int32_t>{0xC3 + 1, 0xA9 + 1}));
  characters.encode("éab", ids);
  EXPECT_EQ(ids, (std::vector<std::int32_t>{1, 4, 3, 2}));
  SequenceFacts facts;
  strict.describe(facts);
  EXPECT_EQ(facts.vocabulary, 259);
  EXPECT_EQ(facts.mask, 258);
  old.describe(facts);
  EXPECT_EQ(facts.vocabulary, 257);
  EXPECT_EQ(facts.mask, -1);
  characters.describe(facts);
  EXPECT_EQ(facts.token_names, (std::vector<std::string>{"<pad>", "<unk>", "<eos>", "b", "a"}));
}

TEST(TextEncoding, CutsAtTheEndAndKeepsTheEndToken) {
  CharacterCounts counts;
  count_characters("äöü", counts);
  std::vector<std::int32_t> ids;
  for (const std::string protocol : {"lra-strict", "lra-2020", "lra-s4"})
    for (const std::string text : {"", "äö", "äöü", "äöüä"}) {
      const TextEncoding encoding(protocol, 4, counts, 1);
      encoding.encode(text, ids);
      EXPECT_EQ(encoding.length(text), static_cast<std::int64_t>(ids.size())) << protocol << " " << text;
      EXPECT_LE(ids.size(), 4u);
      if (protocol == "lra-2020") continue;
      EXPECT_EQ(ids.back(), protocol == "lra-s4" ? 2 : 257);
    }
  EXPECT_EQ(TextEncoding("lra-s4", 3, counts, 1).visible("äöü"), "äö");
  EXPECT_EQ(TextEncoding("lra-strict", 3, {}, 0).visible("äöü"), "ä");
}

TEST(Documents, TablesOfEitherKind) {
  const auto tabs = parse_documents("label\tid\trating\ttext\n0\t7\t3\ta \"b\"\n1\t8\t9\tc,d\n", "train.tsv.xz");
  EXPECT_EQ(tabs.texts, (std::vector<std::string>{"a \"b\"", "c,d"}));
  EXPECT_EQ(tabs.labels, (std::vector<std::int32_t>{0, 1}));
  const auto commas = parse_documents("Source,Target\n\"a,\nb\",pos\nc,negative\n", "train.csv.gz");
  EXPECT_EQ(commas.texts, (std::vector<std::string>{"a,\nb", "c"}));
  EXPECT_EQ(commas.labels, (std::vector<std::int32_t>{1, 0}));
}

TEST(Documents, AHeaderWithoutATabTellsCommas) {  // as the arena's own reader has them, whatever the file is called
  const auto commas = parse_documents("Source,Target\r\n\"a,\tb\",1\r\nc,0\r\n", "train.tsv");
  EXPECT_EQ(commas.texts, (std::vector<std::string>{"a,\tb", "c"}));
  EXPECT_EQ(commas.labels, (std::vector<std::int32_t>{1, 0}));
}

TEST(Documents, MistakesAreToldWithTheirLine) {
  const auto error = [](const std::string& text) -> std::string {
    try {
      parse_documents(text, "t.tsv");
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error("text\tlabel\na\t2\n"), "t.tsv:2: label '2'; expected 0 or 1, or neg or pos");
  EXPECT_EQ(error("text\tlabel\na\n"), "t.tsv:2: 1 cells; expected 2 as in the header");
  EXPECT_EQ(error("text\tlabel\n\n\t1\n"), "t.tsv:3: no text");
  EXPECT_NE(error("a\tb\n").find("t.tsv:1: the header has the columns a, b; expected a column text"),
            std::string::npos);
  EXPECT_NE(error("").find("no texts in it"), std::string::npos);
}

TEST(Documents, MistakesInColumnarTablesAreToldWithTheirRow) {
  const auto error = [](const std::string& bytes) { return message_of([&] { parse_documents(bytes, "t.parquet"); }); };
  EXPECT_EQ(error(testing::labelled_parquet({"a", "b"}, {1, -1})),
            "t.parquet: row 2: label '-1'; expected 0 or 1, or neg or pos");
  EXPECT_EQ(error(testing::labelled_parquet({"a", ""}, {1, 0})), "t.parquet: row 2: no text");
  EXPECT_EQ(error(testing::parquet_file({{"words"}, {"label"}})),
            "t.parquet: the header has the columns words, label; expected a column text (or Source) and a column label "
            "(or Target)");
  EXPECT_EQ(error(testing::parquet_file({{"text"}, {"label"}})),
            "t.parquet: 0 texts and 0 labels; expected as many of both");
}

TEST(NaiveBayes, ByHand) {  // two classes, add-one: class 0 saw feature 0 three times, class 1 feature 1 once
  NaiveBayes model(2, 2);
  model.learn({0, 0, 0}, 0);
  model.learn({1}, 1);
  EXPECT_EQ(model.guess({0}), 0);        // 4/5 against 1/3
  EXPECT_EQ(model.guess({1}), 1);        // 1/5 against 2/3
  EXPECT_EQ(model.guess({0, 1}), 1);     // 4/25 against 2/9
  EXPECT_EQ(model.guess({0, 0, 1}), 0);  // 16/125 against 2/27
}

class TextSet : public ::testing::Test {
 protected:
  /// 40 texts a part, every second one positive and with an x.
  void SetUp() override {
    for (const std::string part : {"train", "test"}) {
      std::string table = "label\tid\trating\ttext\n";
      for (int i = 0; i < 40; ++i)
        table += std::to_string(i % 2) + "\t0\t5\t" + part + std::to_string(i) + (i % 2 ? " xx" : " y") + "\n";
      folder_.put("imdb/" + part + ".tsv", table);
    }
  }
  ScratchFolder folder_{"text_test"};
};

TEST_F(TextSet, StrictHoldsOutPartOfTrain) {
  const auto data = make_set("text", {{"validation", 0.2}}, {folder_.path()});
  EXPECT_TRUE(found_says(*data, "a part of the IMDb reviews: scores are not comparable with published ones"));
  EXPECT_EQ(data->facts().masking.ratio, 0.15);
  EXPECT_EQ(data->samples(Split::train), 32);
  EXPECT_EQ(data->samples(Split::val), 8);
  EXPECT_EQ(data->samples(Split::test), 40);
  std::set<std::string> texts;
  int positive = 0;
  SequenceExample example;
  for (const auto split : {Split::train, Split::val})
    for (std::int64_t i = 0; i < data->samples(split); ++i) {
      texts.insert(names_of(*data, split, i));
      data->example(split, i, example);
      positive += split == Split::val && example.label == 1;
      EXPECT_EQ(example.label == 1, names_of(*data, split, i).ends_with("xx<eos>"));
      EXPECT_EQ(data->length(split, i), static_cast<std::int64_t>(example.first.tokens.size()));
    }
  EXPECT_EQ(texts.size(), 40u);
  EXPECT_EQ(positive, 4);
  EXPECT_TRUE(texts.begin()->starts_with("train"));
}

TEST_F(TextSet, FewTextsStillValidate) {
  folder_.put("imdb/train.tsv", "label\ttext\n0\ta\n1\tb\n0\tc\n1\td\n");
  const auto data = make_set("text", {}, {folder_.path()});
  EXPECT_EQ(class_counts(*data, Split::val), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(class_counts(*data, Split::train), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(make_set("text", {{"validation", 0}}, {folder_.path()})->samples(Split::val), 0);
  folder_.put("imdb/train.tsv", "label\ttext\n0\ta\n1\tb\n");
  EXPECT_NE(error_of_set("text", {}, {folder_.path()}).find("none of the training texts can validate; expected"),
            std::string::npos);
}

TEST_F(TextSet, OldProtocolsValidateOnTheTestSet) {
  for (const char* protocol : {"lra-s4", "lra-2020"}) {
    const auto data = make_set("text", {{"protocol", protocol}, {"train_samples", 11}}, {folder_.path()});
    EXPECT_EQ(data->samples(Split::train), 11);
    ASSERT_EQ(data->samples(Split::val), 40);
    EXPECT_EQ(names_of(*data, Split::val, 7), names_of(*data, Split::test, 7));
  }
}

TEST_F(TextSet, CharactersAreReadStrictlyAsTheReferenceDoes) {
  folder_.put("imdb/test.tsv", "label\ttext\n0\tplain\n1\tcaf\xe9 noir\n");
  EXPECT_EQ(error_of_set("text", {{"protocol", "lra-s4"}}, {folder_.path()}),
            (folder_.path() / "imdb/test.tsv").string() +
                ": text 2: byte 4 is no UTF-8; expected a text in UTF-8 (iconv -f latin1 -t utf8 converts an older "
                "one), or data.protocol=lra-strict, which reads bytes");
  EXPECT_EQ(make_set("text", {}, {folder_.path()})->samples(Split::test), 2);
}

TEST_F(TextSet, SubsetsAreBalancedAndSeeded) {
  const Json settings{{"test_samples", 10}, {"max_length", 6}};
  const auto data = make_set("text", settings, {folder_.path()});
  SequenceExample example;
  int positive = 0;
  for (std::int64_t i = 0; i < 10; ++i) data->example(Split::test, i, example), positive += example.label;
  EXPECT_EQ(positive, 5);
  EXPECT_EQ(example.first.tokens.size(), 6u);
}

TEST_F(TextSet, BaselinesSeeTheWord) {
  const auto lines = make_set("text", {}, {folder_.path()})->baselines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].score, 0.5);
  EXPECT_EQ(lines[1].score, 1);  // x occurs in one class alone
  EXPECT_EQ(lines[2].score, 1);
}

TEST(TextTables, ParquetAndArrowHoldTheSameSamplesAsText) {
  const std::vector<std::string> texts{"a", "b \"c\",\n", "d", "é"};
  const std::vector<std::int64_t> labels{0, 1, 0, 1};
  const auto piece = [&](std::size_t from, std::size_t to) {  // of three pieces, Parquet
    return testing::labelled_parquet({texts.begin() + from, texts.begin() + to},
                                     {labels.begin() + from, labels.begin() + to});
  };
  testing::ArrowWriter writer;
  const auto arrow = writer.stream({{"text", 5, 0, true, 0, {testing::text_buffers(texts)}},
                                    {"label", 2, 64, true, 0, {{"", testing::bytes_of_all(labels)}}}},
                                   {4});
  using Files = std::vector<std::pair<std::string, std::string>>;
  const std::string csv = "text,label\na,0\n\"b \"\"c\"\",\n\",1\nd,0\né,1\n";
  const std::vector<Files> forms{{{"imdb/PART.csv", csv}},
                                 {{"imdb/PART.parquet", piece(0, 4)}},
                                 {{"imdb/plain_text/PART-00000-of-00001.parquet", piece(0, 4)}},
                                 {{"PART-00000-of-00003.parquet", piece(0, 1)},
                                  {"PART-00001-of-00003.parquet", piece(1, 3)},
                                  {"PART-00002-of-00003.parquet", piece(3, 4)}},
                                 {{"imdb/PART/data-00000-of-00001.arrow", arrow}},
                                 {{"imdb-PART.arrow", arrow}}};
  std::vector<std::vector<std::string>> read;
  for (const auto& files : forms) {
    const ScratchFolder folder("text_tables_test");
    for (const std::string part : {"train", "test"})
      for (auto [name, bytes] : files) folder.put(name.replace(name.find("PART"), 4, part), bytes);
    const auto data = make_set("text", {{"validation", 0.5}}, {folder.path()});
    auto& samples = read.emplace_back();
    for (const auto split : {Split::train, Split::val, Split::test})
      for (std::int64_t i = 0; i < data->samples(split); ++i) {
        SequenceExample example;
        data->example(split, i, example);
        samples.push_back(names_of(*data, split, i) + std::to_string(example.label));
      }
    EXPECT_EQ(samples, read[0]) << files[0].first;
    EXPECT_TRUE(found_says(
        *data, "/" + std::string(files[0].first).replace(files[0].first.find("PART"), 4, "test") + ": 4 texts"))
        << files[0].first;
  }
  EXPECT_EQ(read[0].size(), 8u);
}

TEST(TextFolders, AclImdbByNumber) {
  const ScratchFolder folder("text_folders_test");
  for (const char* part : {"aclImdb/train", "aclImdb/test"})
    for (const char* kind : {"neg", "pos"})
      for (const char* name : {"10_2", "9_1", "0_4"})
        folder.put(std::string(part) + "/" + kind + "/" + name + ".txt", name);
  const auto data = make_set("text", {{"protocol", "lra-2020"}}, {folder.path()});
  EXPECT_EQ(names_of(*data, Split::test, 1), "9_1");
  EXPECT_EQ(names_of(*data, Split::test, 2), "10_2");
  EXPECT_EQ(data->samples(Split::test), 6);
  folder.put("aclImdb/test/pos/1_1.txt", "");
  EXPECT_NE(error_of_set("text", {}, {folder.path()}).find("1_1.txt: no text"), std::string::npos);
}

TEST(TextReal, CountsVocabularyAndBaselines) {
  const auto roots = test_data_roots();
  if (discover_files(find_sequence_data("text").layouts, roots).empty()) GTEST_SKIP() << "no IMDb under LONGWAVE_DATA";
  EXPECT_EQ(make_set("text", {{"protocol", "lra-s4"}}, roots)->facts().vocabulary, 135);
  const auto data = make_set("text", {}, roots);
  EXPECT_EQ(data->samples(Split::train), 22500);
  EXPECT_EQ(data->samples(Split::val), 2500);
  const auto lines = data->baselines();
  EXPECT_EQ(lines[0].score, 0.5);
  EXPECT_GT(lines[1].score, 0.55);
  EXPECT_LT(lines[1].score, 0.70);
  EXPECT_GT(lines[2].score, 0.78);
  EXPECT_LT(lines[2].score, 0.86);
}

}  // namespace
}  // namespace longwave
