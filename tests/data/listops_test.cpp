#include "longwave/data/listops.h"

#include <gtest/gtest.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/data/sequence_data.h"
#include "tests/data/data_folder.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

std::vector<std::uint8_t> expression(const std::string& text) { return parse_listops(text, "test"); }

std::vector<std::int64_t> numbers(std::int64_t count) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(ListOpsExpression, Values) {
  EXPECT_EQ(listops_value(expression("7")), 7);
  EXPECT_EQ(listops_value(expression("( ( ( [MAX 3 ) 7 ) ] )")), 7);
  EXPECT_EQ(listops_value(expression("[MIN 4 [MAX 9 2 ] 5 ]")), 4);
  EXPECT_EQ(listops_value(expression("[SM 8 7 9 ]")), 4);
  EXPECT_EQ(listops_value(expression("[MED 9 1 4 ]")), 4);
  EXPECT_EQ(listops_value(expression("[MED 9 2 1 5 ]")), 3);  // (2 + 5) / 2, rounded down
}

TEST(ListOpsExpression, FewerLevelsLeaveDeeperOnesOut) {
  const auto nested = expression("[MAX 3 [MIN 8 [SM 9 1 ] 7 ] 2 ]");
  EXPECT_EQ(listops_value(nested, 1), 3);
  EXPECT_EQ(listops_value(nested, 2), 7);
  EXPECT_EQ(listops_value(nested, 3), 3);  // MIN 8 0 7
  EXPECT_EQ(listops_value(expression("[MAX [MIN 8 8 ] [SM 1 1 ] ]"), 1), std::nullopt);
}

TEST(ListOpsExpression, TextIsThatOfTheReferenceAndReadsBack) {
  const std::string text = "( ( ( ( [MAX 4 ) ( ( ( [MIN 4 ) 6 ) ] ) ) 5 ) ] )";
  EXPECT_EQ(listops_text(expression(text)), text);
  const auto trees = generate_listops(ListOpsRule{}, 20, 3);
  for (std::int64_t i = 0; i < trees.count(); ++i) {
    const auto tree = trees.at(i);
    EXPECT_EQ(expression(listops_text(tree)), std::vector<std::uint8_t>(tree.begin(), tree.end()));
  }
}

TEST(ListOpsExpression, RefusesWhatIsNoExpression) {
  const auto error = [](const std::string& text) -> std::string {
    try {
      parse_listops(text, "f:3");
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error("[FIRST 3 4 ]").substr(0, 40), "f:3: '[FIRST' is no symbol of ListOps; e");
  EXPECT_EQ(error("[MAX 3 4"), "f:3: 1 operators are not closed; the line may be cut short");
  EXPECT_EQ(error("[MAX 3 ] 4"), "f:3: '4' behind the end of the expression");
  EXPECT_EQ(error("[MAX ]"), "f:3: [MAX without arguments");
  EXPECT_EQ(error("]"), "f:3: closing bracket without an operator");
  EXPECT_NE(error("( )"), "");
  EXPECT_EQ(error("( ( ( [MAX 3 ) 7 ) ] "),
            "f:3: 3 '(' and 2 ')'; expected as many of both; the line may be cut short");
  EXPECT_EQ(error("( [MAX 3 ) ) ( 7 ]"), "f:3: ')' without a '(' in front of it; the line may be damaged");
}

// The golden statistics of the rule (60,000 trees), within four standard errors of 6,000 trees.
class GoldenListOps : public testing::Test {
 protected:
  static void SetUpTestSuite() { trees_ = new ListOpsTrees(generate_listops(ListOpsRule{}, 6000, 1)); }
  static void TearDownTestSuite() { delete trees_; }
  static ListOpsTrees* trees_;
};
ListOpsTrees* GoldenListOps::trees_ = nullptr;

TEST_F(GoldenListOps, AcceptanceAndLengths) {
  EXPECT_NEAR(6000. / static_cast<double>(trees_->draws), 0.083, 0.0045);
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < trees_->count(); ++i) lengths.push_back(static_cast<std::int64_t>(trees_->at(i).size()));
  std::sort(lengths.begin(), lengths.end());
  EXPECT_NEAR(std::accumulate(lengths.begin(), lengths.end(), 0.) / 6000, 1035, 20);
  EXPECT_NEAR(lengths[1500], 703, 25);
  EXPECT_NEAR(lengths[3000], 954, 35);
  EXPECT_NEAR(lengths[4500], 1309, 45);
  EXPECT_GE(lengths.front(), 501);
  EXPECT_LE(lengths.back(), 1999);
}

TEST_F(GoldenListOps, RootsDepthsAndClasses) {
  double arguments = 0, nested = 0;
  std::vector<double> classes(10), roots(15);
  for (std::int64_t i = 0; i < trees_->count(); ++i) {
    int depth = 0, deepest = 0;
    for (const auto symbol : trees_->at(i)) {
      const bool opens = symbol >= kMin && symbol < kClose;
      if (depth == 1 && symbol != kClose) ++arguments, nested += opens;
      depth += opens ? 1 : symbol == kClose ? -1 : 0;
      deepest = std::max(deepest, depth);
    }
    EXPECT_EQ(deepest, 9);  // and the leaves are the tenth
    classes[trees_->values[i]] += 100. / 6000;
    roots[trees_->at(i)[0]] += 100. / 6000;
  }
  EXPECT_NEAR(arguments / 6000, 6.88, 0.13);
  EXPECT_NEAR(nested / 6000, 2.27, 0.08);
  const double golden[] = {16.9, 9.1, 7.5, 8.2, 9.0, 8.5, 7.8, 7.2, 8.7, 17.1};
  for (int value = 0; value < 10; ++value) EXPECT_NEAR(classes[value], golden[value], 2) << value;
  for (int root = kMin; root < kClose; ++root) EXPECT_NEAR(roots[root], 25, 2.3) << root;
}

TEST_F(GoldenListOps, ShortcutLadder) {
  const auto all = numbers(trees_->count());
  const auto ladder = listops_ladder(*trees_, all, all);
  EXPECT_NEAR(100 * ladder.majority, 17.2, 2);
  EXPECT_NEAR(100 * ladder.root, 36.2, 2.5);
  const double golden[] = {48.2, 67.6, 79.7, 87.2, 92.1, 95.1, 97.1, 98.2, 100};
  ASSERT_EQ(ladder.levels.size(), 9u);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(100 * ladder.levels[i], golden[i], i < 3 ? 2.6 : 1.8) << i + 1;
  EXPECT_EQ(ladder.levels[8], 1);
}

TEST(ListOpsGenerator, LadderOfTheMiniVariant) {
  const ListOpsRule mini{4, 5, 15, 100};
  const auto trees = generate_listops(mini, 20000, 1);
  const auto all = numbers(trees.count());
  const auto ladder = listops_ladder(trees, all, all);
  EXPECT_NEAR(100 * ladder.majority, 12.1, 1);
  EXPECT_NEAR(100 * ladder.root, 24.9, 1.3);
  EXPECT_NEAR(100 * ladder.levels[0], 41.1, 1.4);
  EXPECT_NEAR(100 * ladder.levels[1], 64.2, 1.4);
}

TEST(ListOpsGenerator, SameForAnyNumberOfThreadsAndDistinct) {
  const ListOpsRule rule{3, 3, 3, 12};
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto one = generate_listops(rule, 3000, 5);
  omp_set_num_threads(3);
  const auto three = generate_listops(rule, 3000, 5);
  omp_set_num_threads(threads);
  EXPECT_EQ(one.symbols, three.symbols);
  EXPECT_EQ(one.draws, three.draws);
  std::set<std::vector<std::uint8_t>> distinct;
  for (std::int64_t i = 0; i < one.count(); ++i) distinct.insert({one.at(i).begin(), one.at(i).end()});
  EXPECT_EQ(distinct.size(), 3000u);
  EXPECT_NE(generate_listops(rule, 3000, 6).symbols, one.symbols);
}

TEST(ListOpsGenerator, SaysWhenTheRuleHasTooFew) {
  try {
    generate_listops(ListOpsRule{2, 2, 0, 5}, 1000, 0);  // a digit or an operator on two: 10 + 4 * 100 expressions
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 50), "listops: no more than 410 distinct expressions of ")
        << error.what();
  }
}

class ListOpsSet : public testing::Test {
 protected:
  void SetUp() override { make_folder(root_ / "listops"); }
  void TearDown() override { fs::remove_all(root_); }
  std::shared_ptr<const SequenceData> make(const Json& settings) const {
    const auto& info = find_sequence_data("listops");
    return info.make(info.resolve(settings_from_json(settings, "test"), "data"), {{root_}});
  }
  std::string error(const Json& settings) const {
    try {
      make(settings);
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  }

  fs::path root_ = fs::temp_directory_path() / ("longwave_listops_test" + std::to_string(::getpid()));
};

const Json kMini = {{"max_depth", 4},       {"max_args", 5},     {"min_length", 15},  {"max_length", 100},
                    {"train_samples", 500}, {"val_samples", 60}, {"test_samples", 70}};

TEST_F(ListOpsSet, GeneratedSetIsReadBackFromItsFiles) {
  ListOpsConfig config;
  config.max_depth = 4, config.max_args = 5, config.min_length = 15, config.max_length = 100;
  config.train_samples = 500, config.val_samples = 60, config.test_samples = 70;
  write_listops(generate_listops(config), root_ / "listops");
  const auto generated = make(kMini), read = make({{"source", "lra"}});
  for (const auto split : {Split::train, Split::val, Split::test}) {
    ASSERT_EQ(generated->samples(split), read->samples(split));
    SequenceExample a, b;
    for (std::int64_t i = 0; i < read->samples(split); ++i) {
      generated->example(split, i, a), read->example(split, i, b);
      ASSERT_EQ(a.first.tokens, b.first.tokens);
      ASSERT_EQ(a.label, b.label);
      ASSERT_EQ(read->length(split, i), static_cast<std::int64_t>(b.first.tokens.size()));
    }
  }
  EXPECT_EQ(read->facts().content_hash.size(), 64u);
  EXPECT_EQ(read->facts().caution,
            "a part of the expressions of ListOps that train (500 of 96000): scores are not comparable with published "
            "ones");
  EXPECT_EQ(make({{"source", "lra"}, {"train_samples", 9}})->samples(Split::train), 9);
}

TEST_F(ListOpsSet, EncodingsOfTheProtocols) {
  write_file(root_ / "listops/basic_train.tsv",
             "Source\tTarget\n( ( ( [MAX 3 ) 3 ) ] )\t3\r\n( ( ( [MAX 3 ) 7 ) ] )\t7");
  for (const char* part : {"val", "test"})
    write_file(root_ / ("listops/basic_" + std::string(part) + ".tsv"), "Source\tTarget\n( ( ( [SM 3 ) 9 ) ] )\t2\n");
  SequenceExample out;
  const auto names = [&](const char* protocol) {
    const auto data = make({{"source", "lra"}, {"protocol", protocol}});
    data->example(Split::test, 0, out);
    std::string text;
    for (const auto token : out.first.tokens) text += data->facts().token_names.at(token) + " ";
    return std::to_string(data->facts().vocabulary) + ": " + text;
  };
  EXPECT_EQ(names("lra-strict"), "19: [SM 3 9 X <eos> ");
  EXPECT_EQ(names("lra-s4"), "18: [SM 3 9 X <eos> ");
  EXPECT_EQ(out.first.tokens[1], 3);  // the most frequent symbol in train comes first
  EXPECT_EQ(names("lra-2020"), "17: [SM 3 9 X ");
  EXPECT_EQ(out.label, 2);
}

TEST_F(ListOpsSet, AFileWithoutItsHeaderIsReadAndTold) {
  for (const char* part : {"train", "val", "test"})
    write_file(root_ / ("listops/basic_" + std::string(part) + ".tsv"),
               std::string(part[0] == 'v' ? "" : "Source\tTarget\n") + "[MAX 3 7 ]\t7\n");
  const auto data = make({{"source", "lra"}});
  EXPECT_EQ(data->samples(Split::val), 1);
  const auto& found = data->facts().found;
  const auto told = [](const std::string& line) { return line.find("no header") != std::string::npos; };
  ASSERT_EQ(std::count_if(found.begin(), found.end(), told), 1);
  EXPECT_TRUE(std::find_if(found.begin(), found.end(), told)
                  ->starts_with((root_ / "listops/basic_val.tsv").string() + ": no header Source<TAB>Target"));
}

TEST_F(ListOpsSet, AWrongLabelIsRefusedWithItsLine) {
  for (const char* part : {"train", "val", "test"})
    write_file(root_ / ("listops/basic_" + std::string(part) + ".tsv"),
               "Source\tTarget\n[MAX 3 7 ]\t7\n[MAX 3 7 ]\t3\n");
  const auto where = (root_ / "listops/basic_train.tsv").string() + ":3: ";
  EXPECT_EQ(error({{"source", "lra"}}),
            where + "label is 3, but the expression has the value 7; the file is damaged or made by another rule");
  write_file(root_ / "listops/basic_train.tsv", "Source\tTarget\n[MAX 3 7 ]\t7\n[MAX 3 7 ]\n");
  EXPECT_EQ(error({{"source", "lra"}}).substr(0, where.size() + 6), where + "no tab");
  EXPECT_NE(error({{"source", "spinn"}}).find("ListOps not found; tried the folders"), std::string::npos);
}

TEST_F(ListOpsSet, GroupsAreTheLevelsThatGiveTheValue) {
  for (const char* part : {"train", "val", "test"})
    write_file(root_ / ("listops/basic_" + std::string(part) + ".tsv"),
               "Source\tTarget\n[MAX 2 9 [MIN 4 7 ] 0 ]\t9\n[MAX 1 [MIN 4 7 ] 0 ]\t4\n"
               "[MIN 8 [MAX 1 [SM 9 9 ] ] ]\t8\n[MIN 9 [MAX 1 [SM 9 9 ] ] ]\t8\n");
  const auto data = make({{"source", "lra"}});
  EXPECT_EQ(data->facts().group, "operator levels");
  const std::int64_t expected[] = {1, 2, 1, 3};
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_EQ(data->group(Split::test, i), expected[i]) << i;
}

TEST_F(ListOpsSet, BaselinesAreTheLadder) {
  const auto lines = make(kMini)->baselines();
  ASSERT_EQ(lines.size(), 5u);  // majority, root, one to three levels
  EXPECT_EQ(lines[1].name, "root operator only");
  EXPECT_EQ(lines[2].name, "root operator on its literal digits");
  EXPECT_EQ(lines[4].score, 1);
}

TEST(ListOpsFiles, OriginalTestSet) {
  const auto& info = find_sequence_data("listops");
  if (discover_files(info.layouts, test_data_roots()).empty()) GTEST_SKIP() << "no ListOps files under LONGWAVE_DATA";
  const auto data = info.make(info.resolve({{"source", {"spinn", "test"}}}, "data"), {test_data_roots()});
  EXPECT_EQ(data->samples(Split::test), 10000);
  EXPECT_EQ(data->samples(Split::train), 0);
}

}  // namespace
}  // namespace longwave
