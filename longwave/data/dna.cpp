// Classification of DNA, one base a step: Genomic Benchmarks, or FASTA files, one a class.

#include <algorithm>
#include <map>

#include "longwave/data/dna_files.h"
#include "longwave/data/labelled_set.h"
#include "longwave/data/naive_bayes.h"
#include "longwave/data/sequence_split.h"
#include "longwave/io/checksum.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr double kValidation = 0.1, kTest = 0.2;
constexpr std::int32_t kWord = 4, kWords = 1 << 2 * kWord;  // of the baseline
const std::string kBases = "ACGTN";                         // tokens 1 .. 5

/// The Genomic Benchmarks with their sequences, those that train and those that test.
const std::map<std::string, std::int64_t> kBenchmarks{{"demo_coding_vs_intergenomic_seqs", 75000 + 25000},
                                                      {"demo_human_or_worm", 75000 + 25000},
                                                      {"drosophila_enhancers_stark", 5184 + 1730},
                                                      {"dummy_mouse_enhancers_ensembl", 968 + 242},
                                                      {"human_enhancers_cohn", 20843 + 6948},
                                                      {"human_enhancers_ensembl", 123872 + 30970},
                                                      {"human_ensembl_regulatory", 231348 + 57713},
                                                      {"human_nontata_promoters", 27097 + 9034},
                                                      {"human_ocr_ensembl", 139804 + 34952}};

std::vector<FileLayout> dna_layouts() {
  std::vector<FileLayout> layouts;
  for (const auto& [name, sequences] : kBenchmarks)
    layouts.push_back({{"genomic_benchmarks", ".genomic_benchmarks", "genomic_benchmarks/datasets", "datasets"},
                       {name + "/train", name + "/test"},
                       {{"name", name}}});
  const auto promoters = [&](const std::string& name, const std::string& negative, const std::string& positive) {
    layouts.push_back({{"dna_promoters"}, {negative + ".fa", positive + ".fa"}, {{"name", name}}});
  };
  promoters("arabidopsis_tata", "Arabidopsis_non_prom_big", "Arabidopsis_tata");
  promoters("arabidopsis_non_tata", "Arabidopsis_non_prom_big", "Arabidopsis_non_tata");
  promoters("ecoli", "Ecoli_non_prom", "Ecoli_prom");
  return layouts;
}

class Dna final : public LabelledSet {
 public:
  struct Config : LabelledOptions {
    std::string name = "human_nontata_promoters", genome;
    std::vector<std::string> genomes, classes;
    bool reverse_complement = false;
    static const FieldTable<Config>& fields();
  };

  Dna(const Config& config, const SequenceSource& source) {
    const auto files = find(config, source);
    for (const auto& file : files) facts_.found.push_back(file.string());
    if (fs::is_directory(files[0]))
      take_parts(files, genomes(config));
    else
      take_classes(files, static_cast<std::uint64_t>(config.seed));
    hold_out_validation(kValidation, static_cast<std::uint64_t>(config.seed));
    facts_.vocabulary = 7;
    facts_.mask = 6;
    facts_.token_names = {"PAD", "A", "C", "G", "T", "N", "MASK"};
    if (config.reverse_complement) facts_.complement = {0, 4, 3, 2, 1, 5, 6};
    limit(config);
    describe(hash());
  }

  /// Besides the majority class: naive Bayes on the counts of four neighbouring bases.
  std::vector<Baseline> baselines() const override {
    auto list = LabelledSet::baselines();
    list.push_back({"naive Bayes on 4-mer counts", naive_bayes(), "measured on the test split"});
    return list;
  }

 private:
  std::int64_t steps(std::int64_t item) const override { return static_cast<std::int64_t>(bases_[item].size()); }
  void encode(std::int64_t item, Steps& out) const override {
    out.values.clear();
    out.tokens.resize(bases_[item].size());
    for (std::size_t t = 0; t < out.tokens.size(); ++t)
      out.tokens[t] = static_cast<std::int32_t>(kBases.find(bases_[item][t])) + 1;
  }

  static std::vector<fs::path> find(const Config& config, const SequenceSource& source) {
    check(config.classes.size() != 1, "one file of classes; expected one for each of at least two classes");
    if (!config.classes.empty()) return {config.classes.begin(), config.classes.end()};
    if (config.name.find('/') != std::string::npos)
      return locate_files("DNA", {{{}, {"train", "test"}}}, {config.name}).files;
    std::vector<FileLayout> known;
    std::vector<std::string> names;
    for (auto& layout : dna_layouts()) {
      names.push_back(layout.keys.at("name"));
      if (names.back() == config.name) known.push_back(std::move(layout));
    }
    check(!known.empty(), "unknown DNA set '", config.name,
          "' (a path to a folder with train/ and test/ works as well)", suggestion(config.name, names));
    return locate_files("DNA set " + config.name, known, source.roots).files;
  }

  void take(DnaRecords records, Split split) {
    for (std::size_t i = 0; i < records.labels.size(); ++i) {
      items(split).push_back(static_cast<std::int64_t>(labels_.size()));
      labels_.push_back(records.labels[i]);
      bases_.push_back(std::move(records.bases[i]));
    }
  }
  /// One of all classes, or one for each.
  static std::vector<fs::path> genomes(const Config& config) {
    check(config.genome.empty() || config.genomes.empty(),
          "data.genome and data.genomes are both given; expected one of them");
    if (!config.genome.empty()) return {config.genome};
    return {config.genomes.begin(), config.genomes.end()};
  }
  void take_parts(const std::vector<fs::path>& folders, const std::vector<fs::path>& genomes) {
    facts_.protocol = "genomic-benchmarks";
    facts_.class_names = benchmark_classes(folders[0]);
    check(benchmark_classes(folders[1]) == facts_.class_names, folders[1].string(),
          ": other classes than in the training part (", join(facts_.class_names), ")");
    take(read_benchmark_part(folders[0], genomes), Split::train);
    take(read_benchmark_part(folders[1], genomes), Split::test);
    const auto name = fs::absolute(folders[0]).lexically_normal().parent_path().filename().string();
    if (const auto known = kBenchmarks.find(name); known != kBenchmarks.end())
      compare_with_published(std::ssize(labels_), known->second, name);
  }
  /// No published split: a random fifth of every class tests.
  void take_classes(const std::vector<fs::path>& files, std::uint64_t seed) {
    facts_.protocol = "random-split";
    for (const auto& file : files) facts_.class_names.push_back(file.stem().string());
    take(read_fasta_classes(files), Split::train);
    auto parts = hold_out(labels_, kTest, seed + 1);
    items(Split::train) = std::move(parts.kept);
    items(Split::test) = std::move(parts.held_out);
  }

  std::string hash() const {
    Sha256 sum;
    for (std::size_t i = 0; i < bases_.size(); ++i) sum.update(std::to_string(labels_[i]) + bases_[i] + "\n");
    return sum.hex();
  }

  /// Every word without an N as a number.
  std::vector<std::int32_t> words(std::int64_t item) const {
    std::vector<std::int32_t> numbers;
    std::int32_t word = 0, known = 0;
    for (const char base : bases_[item]) {
      const auto digit = static_cast<std::int32_t>(kBases.find(base));
      known = digit < 4 ? known + 1 : 0;
      word = (word * 4 + digit % 4) % kWords;
      if (known >= kWord) numbers.push_back(word);
    }
    return numbers;
  }

  double naive_bayes() const {
    NaiveBayes bayes(facts_.classes, kWords);
    for (const auto item : items(Split::train)) bayes.learn(words(item), labels_[item]);
    const auto& test = items(Split::test);
    const auto right =
        std::count_if(test.begin(), test.end(), [&](auto item) { return bayes.guess(words(item)) == labels_[item]; });
    return static_cast<double>(right) / static_cast<double>(test.size());
  }

  std::vector<std::string> bases_;
};

const FieldTable<Dna::Config>& Dna::Config::fields() {
  static const auto table = [] {
    FieldTable<Config> fields;
    fields
        .add(
            "name", &Config::name,
            "a set of the Genomic Benchmarks (human_nontata_promoters), arabidopsis_tata, arabidopsis_non_tata, ecoli, "
            "or the path of a folder with train/ and test/")
        .add("genome", &Config::genome, "FASTA file of the genome, for sets that are stored as intervals")
        .add("genomes", &Config::genomes, "instead of genome: one file for each class, in the order of their names")
        .add("classes", &Config::classes, "instead of name: FASTA files, one a class; 20 % of each tests")
        .add("reverse_complement", &Config::reverse_complement,
             "a random half of every training batch is read from the other strand");
    return add_labelled_fields(fields);
  }();
  return table;
}

const std::string kSource =
    "Gresova et al. 2023; files: github.com/ML-Bioinfo-CEITEC/genomic_benchmarks; the set motifs needs none";

const RegisterSequenceData<Dna> registered({.name = "dna",
                                            .title = "DNA",
                                            .family = "dna",
                                            .summary = "promoters, enhancers and others, one base a step",
                                            .source = kSource,
                                            .layouts = dna_layouts()});

}  // namespace
}  // namespace longwave
