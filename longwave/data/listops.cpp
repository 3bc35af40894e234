// ListOps: the value of a nested expression of MIN, MAX, MED and SM over digits (Nangia & Bowman 2018), as generated
// for Long Range Arena (Tay et al. 2021).

#include "longwave/data/listops.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/base/random.h"
#include "longwave/data/labelled_set.h"
#include "longwave/data/sequence_data.h"
#include "longwave/data/sequence_split.h"
#include "longwave/data/text_lines.h"
#include "longwave/io/checksum.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kTrain = 96000, kVal = 2000, kTest = 2000;
constexpr const char* kHeader = "Source\tTarget";
const std::vector<std::string> kParts{"train", "val", "test"};

const std::vector<FileLayout>& layouts() {
  const std::vector<std::string> folders{"listops", "listops-1000", "lra_release/listops-1000",
                                         "lra_release/lra_release/listops-1000"};
  static const std::vector<FileLayout> all{
      {folders, {"basic_train.tsv", "basic_val.tsv", "basic_test.tsv"}, {{"source", "lra"}}},
      {folders, {"train_d20s.tsv", "test_d20s.tsv"}, {{"source", "spinn"}}},
      {folders, {"test_d20s.tsv"}, {{"source", "spinn"}}},
      {folders, {"spinn_test_d20s.tsv"}, {{"source", "spinn"}}}};
  return all;
}

/// Which number every symbol gets.
struct Encoding {
  std::array<std::int32_t, 15> ids{};
  std::vector<std::string> names;
  std::int32_t end = -1, mask = -1;
  std::int64_t limit = 0;  // tokens of a sample, with the end token

  Encoding(const std::string& protocol, const ListOpsSplits& splits) {
    std::vector<std::size_t> order(kListOpsSymbols.size());
    std::iota(order.begin(), order.end(), 0u);
    if (protocol == "lra-s4") order = by_frequency(splits);
    names = protocol == "lra-2020" ? std::vector<std::string>{"<pad>"}
                                   : std::vector<std::string>{"<pad>", "<unk>", "<eos>"};
    for (const auto symbol : order) {
      ids[symbol] = static_cast<std::int32_t>(names.size());
      names.push_back(kListOpsSymbols[symbol]);
    }
    if (protocol == "lra-2020") names.push_back("<unk>");
    if (protocol == "lra-strict") names.push_back("<mask>"), mask = static_cast<std::int32_t>(names.size()) - 1;
    if (protocol != "lra-2020") end = 2;
    limit = protocol == "lra-2020" ? 2000 : 2048;
  }

 private:
  static std::vector<std::size_t> by_frequency(const ListOpsSplits& splits) {
    std::array<std::int64_t, 15> counts{};
    for (const auto i : splits.train)
      for (const auto symbol : splits.trees.at(i)) ++counts[symbol];
    std::vector<std::size_t> order(counts.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
    return order;
  }
};

/// Adds the expressions of one file; the numbers of those kept go to `part`.
class FileReader {
 public:
  FileReader(ListOpsSplits& splits, SequenceFacts& facts) : splits_(splits), facts_(facts) {}

  void read(const fs::path& path, bool spinn, std::vector<std::int64_t>& part) {
    const auto text = read_text(path);
    hash_.update(text);
    bool header = false;
    for_each_line(text, [&](std::string_view line, std::int64_t number) {
      header = header || (!spinn && number == 1 && line == kHeader);
      if (header && number == 1) return;
      add(line, path.string() + ":" + std::to_string(number), spinn);
      part.push_back(splits_.trees.count() - 1);
    });
    facts_.found.push_back(fmt::format("{}: {} expressions, all labels recomputed", path.string(), part.size()));
    if (!spinn && !header)
      facts_.found.push_back(path.string() + ": no header Source<TAB>Target, as published files have it; the first " +
                             "line is read as an expression");
    check(!part.empty(), path.string(), ": no expressions in it; the file may be cut short");
  }
  std::string hash() { return hash_.hex(); }

 private:
  void add(std::string_view line, const std::string& where, bool spinn) {
    const auto tab = line.find('\t');
    check(tab != std::string_view::npos, where, ": no tab; expected ",
          spinn ? "label<TAB>expression" : "Source<TAB>Target: an expression and its value");
    const auto left = line.substr(0, tab), right = line.substr(tab + 1);
    const auto label = spinn ? left : right;
    check(label.size() == 1 && label[0] >= '0' && label[0] <= '9', where, ": label '", label, "'; expected 0 .. 9");
    splits_.trees.add(parse_listops(spinn ? right : left, where));
    const int value = splits_.trees.values.back();
    check(value == label[0] - '0', where, ": label is ", label, ", but the expression has the value ", value,
          "; the file is damaged or made by another rule");
  }

  ListOpsSplits& splits_;
  SequenceFacts& facts_;
  Sha256 hash_;
};

/// At most `count` of `part`, drawn by the seed; all if count is 0.
void limit(std::vector<std::int64_t>& part, std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> kept;
  for (const auto i : balanced_subset(std::vector<std::int32_t>(part.size()), count, seed)) kept.push_back(part[i]);
  part = std::move(kept);
}

/// The published files have as many expressions as are generated.
void caution_of_parts(const ListOpsSplits& splits, SequenceFacts& facts) {
  for (const auto& [part, published, name] :
       {std::tuple{&splits.train, kTrain, "train"}, {&splits.val, kVal, "validate"}, {&splits.test, kTest, "test"}}) {
    if (std::ssize(*part) >= published || !facts.caution.empty()) continue;
    facts.caution =
        caution_of_part(std::ssize(*part), published, std::string("the expressions of ListOps that ") + name);
    facts.found.push_back(facts.caution);
  }
}

ListOpsSplits read_listops(const ListOpsConfig& config, const SequenceSource& source, SequenceFacts& facts) {
  const bool spinn = config.source == "spinn";
  const auto found = locate_files("ListOps", layouts(), source.roots, {{"source", config.source}});
  ListOpsSplits splits;
  FileReader reader(splits, facts);
  const auto seed = static_cast<std::uint64_t>(config.seed);
  if (found.files.size() > 1) reader.read(found.files[0], spinn, splits.train);
  if (found.files.size() > 2) reader.read(found.files[1], spinn, splits.val);
  reader.read(found.files.back(), spinn, splits.test);
  facts.content_hash = reader.hash();
  if (!spinn) caution_of_parts(splits, facts);
  if (found.files.size() == 2) {
    std::vector<std::int32_t> labels;
    for (const auto i : splits.train) labels.push_back(splits.trees.values[i]);
    auto parts = hold_out(labels, 0.1, seed);  // the numbers of train begin with 0
    splits.train = std::move(parts.kept);
    splits.val = std::move(parts.held_out);
    check(!splits.val.empty(), found.files[0].string(), ": ", splits.train.size(),
          " expressions, none of which can validate; expected at least two of a value");
    facts.found.push_back(fmt::format("validation: {} of the training expressions, stratified", splits.val.size()));
  }
  limit(splits.train, config.train_samples, seed);
  limit(splits.val, config.val_samples, seed);
  limit(splits.test, config.test_samples, seed);
  return splits;
}

class ListOps final : public SequenceData {
 public:
  using Config = ListOpsConfig;

  ListOps(const Config& config, const SequenceSource& source)
      : splits_(config.source == "generated" ? generate_listops(config) : read_listops(config, source, facts_)),
        encoding_(config.protocol, splits_) {
    if (config.source == "generated")
      facts_.found = {fmt::format("{} distinct expressions from {} draws", splits_.trees.count(), splits_.trees.draws)};
    facts_.goal = SequenceGoal::classify;
    facts_.vocabulary = static_cast<std::int64_t>(encoding_.names.size());
    facts_.token_names = encoding_.names;
    facts_.classes = 10;
    for (int value = 0; value < 10; ++value) facts_.class_names.push_back(std::to_string(value));
    facts_.mask = encoding_.mask;
    facts_.masking.ratio = 0.1;
    facts_.group = "operator levels";
    facts_.protocol = config.protocol;
    facts_.max_length = config.source == "generated"
                            ? std::min(encoding_.limit, config.max_length - (encoding_.end < 0))
                            : encoding_.limit;
  }

  const SequenceFacts& facts() const override { return facts_; }
  std::int64_t samples(Split split) const override { return static_cast<std::int64_t>(part(split).size()); }
  std::int64_t length(Split split, std::int64_t index) const override {
    const auto symbols = static_cast<std::int64_t>(splits_.trees.at(part(split)[index]).size());
    return std::min(encoding_.limit, symbols + (encoding_.end >= 0));
  }

  /// The levels from the root that give the value: at the first of them the shortcut ladder is right.
  std::int64_t group(Split split, std::int64_t index) const override {
    const auto i = part(split)[index];
    int levels = 1;
    while (listops_value(splits_.trees.at(i), levels) != splits_.trees.values[i]) ++levels;
    return levels;
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    const auto expression = splits_.trees.at(part(split)[index]);
    auto& tokens = out.first.tokens;
    tokens.resize(static_cast<std::size_t>(length(split, index)));
    const auto symbols = tokens.size() - (encoding_.end >= 0);
    for (std::size_t i = 0; i < symbols; ++i) tokens[i] = encoding_.ids[expression[i]];
    if (encoding_.end >= 0) tokens.back() = encoding_.end;
    out.label = splits_.trees.values[part(split)[index]];
  }

  std::vector<Baseline> baselines() const override {
    const auto& score = !splits_.test.empty() ? splits_.test : splits_.val;
    const auto& fit = splits_.train.empty() ? score : splits_.train;
    const auto ladder = listops_ladder(splits_.trees, fit, score);
    const std::string comment =
        fmt::format("measured on the {} split, guesses from the {} split", splits_.test.empty() ? "val" : "test",
                    splits_.train.empty() ? "same" : "train");
    std::vector<Baseline> lines{{"majority class", ladder.majority, comment},
                                {"root operator only", ladder.root, comment}};
    for (std::size_t i = 0; i < ladder.levels.size(); ++i)
      lines.push_back({i == 0 ? "root operator on its literal digits" : fmt::format("{} operator levels", i + 1),
                       ladder.levels[i], comment});
    return lines;
  }

 private:
  const std::vector<std::int64_t>& part(Split split) const {
    return split == Split::train ? splits_.train : split == Split::val ? splits_.val : splits_.test;
  }

  SequenceFacts facts_;
  ListOpsSplits splits_;
  Encoding encoding_;
};

const RegisterSequenceData<ListOps> registered(
    {.name = "listops",
     .title = "ListOps",
     .family = "long range arena",
     .summary = "value of a nested expression of MIN, MAX, MED and SM over digits, 10 classes, 501 to 1999 symbols",
     .source = "Nangia & Bowman 2018; Tay et al. 2021; files: folder listops-1000 of lra_release.gz "
               "(github.com/google-research/long-range-arena), or made by `longwave data make listops --out DIR`; "
               "source=generated needs none",
     .generated = true,
     .layouts = layouts()});

}  // namespace

const FieldTable<ListOpsConfig>& ListOpsConfig::fields() {
  using C = ListOpsConfig;
  const auto count = at_least<std::int64_t>(0);
  static const auto table =
      FieldTable<C>()
          .add("source", &C::source, "generated; lra: basic_{train,val,test}.tsv; spinn: {train,test}_d20s.tsv",
               one_of({"generated", "lra", "spinn"}))
          .add("protocol", &C::protocol, "lra-strict and lra-s4: at most 2048 tokens with an end token; lra-2020: 2000",
               one_of({"lra-strict", "lra-s4", "lra-2020"}))
          .add("train_samples", &C::train_samples, "0: 96000 generated, all of a file", count)
          .add("val_samples", &C::val_samples, "0: 2000 generated, all of a file", count)
          .add("test_samples", &C::test_samples, "0: 2000 generated, all of a file", count)
          .add("max_depth", &C::max_depth, "generated: depth with the leaves", between<std::int64_t>(1, 1000))
          .add("max_args", &C::max_args, "generated: most arguments of an operator", between<std::int64_t>(2, 1000))
          .add("min_length", &C::min_length, "generated: expressions are longer than that many symbols", count)
          .add("max_length", &C::max_length, "generated: and shorter than that many", at_least<std::int64_t>(2))
          .add("seed", &C::seed, "of the generator, or of what is left out of files");
  return table;
}

ListOpsSplits generate_listops(const ListOpsConfig& config) {
  const auto or_else = [](std::int64_t count, std::int64_t usual) { return count > 0 ? count : usual; };
  const std::int64_t counts[] = {or_else(config.train_samples, kTrain), or_else(config.val_samples, kVal),
                                 or_else(config.test_samples, kTest)};
  const auto seed = static_cast<std::uint64_t>(config.seed);
  ListOpsSplits splits;
  splits.trees = generate_listops({config.max_depth, config.max_args, config.min_length, config.max_length},
                                  counts[0] + counts[1] + counts[2], seed);
  const auto order = shuffled(splits.trees.count(), RandomStream{seed}.split(1).next());
  splits.train.assign(order.begin(), order.begin() + counts[0]);
  splits.val.assign(order.begin() + counts[0], order.end() - counts[2]);
  splits.test.assign(order.end() - counts[2], order.end());
  return splits;
}

std::vector<fs::path> write_listops(const ListOpsSplits& splits, const fs::path& folder) {
  std::vector<fs::path> paths;
  const std::vector<std::int64_t>* parts[] = {&splits.train, &splits.val, &splits.test};
  for (std::size_t p = 0; p < 3; ++p) {
    AtomicFile file(paths.emplace_back(folder / ("basic_" + kParts[p] + ".tsv")));
    file.write(std::string(kHeader) + "\n");
    for (const auto i : *parts[p])
      file.write(listops_text(splits.trees.at(i)) + "\t" + std::to_string(splits.trees.values[i]) + "\n");
    file.commit();
  }
  return paths;
}

}  // namespace longwave
