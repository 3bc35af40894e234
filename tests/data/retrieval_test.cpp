// The sets `retrieval`, `retrieval-synthetic` and `text-synthetic`.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "longwave/data/document_pairs.h"
#include "tests/data/data_folder.h"
#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

TEST(DocumentPairs, FiveColumnsWithoutQuoting) {
  TextPool pool;
  const auto pairs = parse_document_pairs("1.0\ta\tb\t\"x\ty\tz\n0.0\tc\td\ty\tz\"\r\n", "f", 100, pool);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pool.at(pairs[0].first), "\"x");
  EXPECT_EQ(pool.at(pairs[0].second), "y\tz");  // four tabs part the columns
  EXPECT_EQ(pairs[0].label, 1);
  EXPECT_EQ(pool.at(pairs[1].second), "z\"");
  EXPECT_EQ(pairs[1].label, 0);
  EXPECT_EQ(parse_document_pairs("1\ta\tb\tabcdef\tabcxyz", "f", 3, pool)[0].first, pool.number_of("abc"));
}

TEST(DocumentPairs, MistakesAreToldWithTheirLine) {
  const auto error = [](const std::string& text) -> std::string {
    TextPool pool;
    try {
      parse_document_pairs(text, "f", 100, pool);
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error("1.0\ta\tb\tx\ty\n1.0\ta\tb\tx\n"),
            "f:2: 4 columns; expected five, parted by tabs: label, id, id, text, text");
  EXPECT_EQ(error("label\tid1\tid2\tt1\tt2"),
            "f:1: label 'label'; expected 0.0 or 1.0 in the first column (and no header)");
  EXPECT_EQ(error("1.0\ta\tb\tx\t"), "f:1: the second text is empty");
  EXPECT_EQ(error(""), "f: no pairs in it");
}

TEST(RetrievalSet, AnyStemAndProtocol) {
  const ScratchFolder folder("retrieval_test");
  for (const std::string part : {"train", "eval", "test"})
    folder.put("tsv_data/my." + part + ".tsv", "1.0\t1\t2\tab\tba" + part + "\n0.0\t1\t3\tab\tcc\n");
  const auto bytes = make_set("retrieval", {{"stem", "my"}, {"max_length", 4}}, {folder.path()});
  SequenceExample example;
  bytes->example(Split::val, 0, example);
  EXPECT_EQ(example.first.tokens, (std::vector<std::int32_t>{'a' + 1, 'b' + 1, 257}));
  EXPECT_EQ(example.second.tokens, (std::vector<std::int32_t>{'b' + 1, 'a' + 1, 'e' + 1, 257}));
  EXPECT_EQ(example.label, 1);
  EXPECT_EQ(bytes->length(Split::val, 0), 4);
  EXPECT_TRUE(found_says(*bytes, "not comparable with published ones"));
  EXPECT_EQ(bytes->facts().masking.ratio, 0.15);
  const auto characters = make_set("retrieval", {{"stem", "my"}, {"protocol", "lra-s4"}}, {folder.path()});
  EXPECT_EQ(characters->facts().vocabulary, 3 + 7);  // a b c i n r t of the training texts
  characters->example(Split::val, 0, example);
  EXPECT_EQ(example.second.tokens[2], 1);  // e is not in them
  folder.put("tsv_data/my.eval.tsv", "1.0\t1\t2\tab\tab\n0.0\t1\t3\tab\tc\xe9\n");
  EXPECT_NE(error_of_set("retrieval", {{"stem", "my"}, {"protocol", "lra-s4"}}, {folder.path()})
                .find("my.eval.tsv: pair 2: byte 2 is no UTF-8"),
            std::string::npos);
  const auto missing = error_of_set("retrieval", {}, {folder.path()});
  EXPECT_NE(missing.find("new_aan_pairs.train.tsv"), std::string::npos);
  EXPECT_NE(missing.find("; source: Radev et al. 2009"), std::string::npos) << missing;
}

TEST(RetrievalReal, CountsOfTheStandIn) {
  const auto roots = test_data_roots();
  const auto found = discover_files(find_sequence_data("retrieval").layouts, roots);
  if (std::none_of(found.begin(), found.end(), [](const auto& set) { return set.keys.at("stem") == "imdb_pairs"; }))
    GTEST_SKIP() << "no imdb_pairs under LONGWAVE_DATA";
  const auto data = make_set("retrieval", {{"stem", "imdb_pairs"}}, roots);
  EXPECT_EQ(data->samples(Split::train), 2400);
  EXPECT_EQ(data->samples(Split::val), 400);
  EXPECT_EQ(data->samples(Split::test), 400);
  const auto lines = data->baselines();
  EXPECT_EQ(lines[0].score, 0.5);
  EXPECT_NEAR(lines[1].score, 0.5, 0.1);
}

TEST(RetrievalSynthetic, OnlyTheComparisonTells) {
  const auto data = make_set("retrieval-synthetic", {}, {});
  EXPECT_EQ(data->facts().protocol, "generated");
  const auto lines = data->baselines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_NEAR(lines[0].score, 0.5, 0.045);  // four standard errors
  EXPECT_NEAR(lines[1].score, 0.5, 0.045);
  EXPECT_GT(lines[2].score, 0.998);
}

TEST(RetrievalSynthetic, MotifsAreOrdersOfTheSameSymbols) {
  const auto data = make_set("retrieval-synthetic", {{"length", 4}, {"motif", 4}}, {});  // nothing but the motif
  std::map<std::vector<std::int32_t>, int> motifs;
  std::set<std::vector<std::int32_t>> sorted;
  SequenceExample pair;
  for (std::int64_t i = 0; i < 1000; ++i) {
    data->example(Split::train, i, pair);
    EXPECT_EQ(pair.first.tokens == pair.second.tokens, pair.label == 1);
    for (auto* document : {&pair.first.tokens, &pair.second.tokens}) {
      ++motifs[*document];
      std::sort(document->begin(), document->end());
      sorted.insert(*document);
    }
  }
  ASSERT_EQ(motifs.size(), 24u);  // 4!, each 83 times of 2000; about half of them are drawn twice at once
  for (const auto& [motif, count] : motifs) EXPECT_NEAR(count, 83, 50);
  ASSERT_EQ(sorted.size(), 1u);
  EXPECT_EQ(std::set<std::int32_t>(sorted.begin()->begin(), sorted.begin()->end()).size(), 4u);
}

TEST(RetrievalSynthetic, MotifsStandOnceAtAnyPlace) {
  const auto data = make_set("retrieval-synthetic", {{"length", 8}, {"motif", 5}, {"symbols", 100000}}, {});
  std::set<std::int32_t> known;
  std::array<int, 4> places{};
  SequenceExample pair;
  const auto start = [&](const std::vector<std::int32_t>& document) {
    const auto at =
        std::find_if(document.begin(), document.end(), [&](auto symbol) { return known.count(symbol) > 0; });
    return at - document.begin();
  };
  data->example(Split::train, 0, pair);  // the symbols of both documents are those of the motif
  for (const auto symbol : pair.first.tokens)
    if (std::count(pair.second.tokens.begin(), pair.second.tokens.end(), symbol)) known.insert(symbol);
  ASSERT_EQ(known.size(), 5u);
  for (std::int64_t i = 0; i < 200; ++i) {
    data->example(Split::train, i, pair);
    for (const auto* document : {&pair.first.tokens, &pair.second.tokens}) {
      ASSERT_LT(start(*document), 4);
      ++places[static_cast<std::size_t>(start(*document))];
      EXPECT_EQ(std::count_if(document->begin(), document->end(), [&](auto s) { return known.count(s) > 0; }), 5);
    }
  }
  for (const auto count : places) EXPECT_NEAR(count, 100, 40);
}

TEST(RetrievalSynthetic, SamplesAreFixedByNumberAndSplit) {
  const auto data = make_set("retrieval-synthetic", {{"length", 9}}, {});
  SequenceExample a, b, c;
  data->example(Split::train, 3, a), data->example(Split::train, 4, b), data->example(Split::train, 3, c);
  EXPECT_EQ(a.first.tokens, c.first.tokens);
  EXPECT_NE(a.first.tokens, b.first.tokens);
  data->example(Split::test, 3, c);
  EXPECT_NE(a.first.tokens, c.first.tokens);
  EXPECT_EQ(error_of_set("retrieval-synthetic", {{"length", 7}}, {}),
            "data.length is 7; expected at least data.motif, 8");
  EXPECT_EQ(error_of_set("retrieval-synthetic", {{"symbols", 7}}, {}),
            "data.symbols is 7; expected at least data.motif, 8");
}

TEST(TextSynthetic, LettersAreEquallyFrequentAndBayesIsRight) {
  const auto data = make_set("text-synthetic", {}, {});
  std::array<std::array<double, 22>, 2> counts{};
  SequenceExample example;
  for (std::int64_t i = 0; i < 2000; ++i) {
    data->example(Split::train, i, example);
    for (const auto token : example.first.tokens) ++counts[example.label][token];
  }
  for (const auto& of_class : counts) {
    double sum = 0;
    for (const auto count : of_class) sum += count;
    for (int letter = 1; letter <= 20; ++letter) EXPECT_NEAR(of_class[letter] / sum, 0.05, 0.002);
  }
  const auto lines = data->baselines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_NEAR(lines[0].score, 0.5, 0.045);
  EXPECT_NEAR(lines[1].score, 0.5, 0.045);
  EXPECT_GE(lines[2].score, 0.99);
}

TEST(TextSynthetic, WithoutContrastNothingTells) {
  const auto lines = make_set("text-synthetic", {{"contrast", 0}}, {})->baselines();
  EXPECT_NEAR(lines[2].score, 0.5, 0.045);
}

}  // namespace
}  // namespace longwave
