#include "longwave/data/token_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "longwave/base/check.h"
#include "longwave/data/text_lines.h"

namespace longwave {
namespace {

constexpr double kSmoothing = 0.1;   // counts added to every token
constexpr double kPairWeight = 0.5;  // of the pair frequency

/// Smoothed frequencies of single tokens.
struct Unigrams {
  std::vector<double> counts, probabilities;

  Unigrams(const std::vector<std::int32_t>& train, std::int64_t vocabulary)
      : counts(static_cast<std::size_t>(vocabulary)), probabilities(counts.size()) {
    for (const auto token : train) ++counts[token];
    const auto total = static_cast<double>(train.size()) + kSmoothing * static_cast<double>(vocabulary);
    for (std::size_t i = 0; i < counts.size(); ++i) probabilities[i] = (counts[i] + kSmoothing) / total;
  }
};

std::uint64_t pair_of(std::int32_t before, std::int32_t token) {
  return static_cast<std::uint64_t>(before) << 32 | static_cast<std::uint32_t>(token);
}

/// Calls visit(word) for every word of every line and then for "<eos>".
template <class Visit>
void for_each_word(std::string_view text, const Visit& visit) {
  for_each_line(text, [&](std::string_view line, std::int64_t number) {
    for (std::size_t at = 0; at < line.size();) {
      const auto end = std::min(line.find_first_of(" \t\v\f\r", at), line.size());
      if (end > at) visit(line.substr(at, end - at), number);
      at = end + 1;
    }
    visit("<eos>", number);
  });
}

}  // namespace

void TokenStreams::example(Split, std::int64_t, SequenceExample&) const {
  fail("this set is one stream of tokens, not separate samples");
}

void TokenStreams::require_pair(Split split, const std::string& where) const {
  check(samples(split) >= 2, where, ": the ", name_of(split), " split has ", samples(split),
        samples(split) == 1 ? " token" : " tokens",
        "; expected at least 2, one to read and one to predict; take a longer text, or another share of it");
}

void TokenStreams::describe(std::vector<std::string> names) {
  facts_.goal = SequenceGoal::language;
  facts_.vocabulary = static_cast<std::int64_t>(names.size());
  facts_.token_names = std::move(names);
  for (const auto split : {Split::train, Split::val, Split::test}) {
    facts_.max_length = std::max(facts_.max_length, samples(split));
    facts_.found.push_back(fmt::format("{}: {} tokens", name_of(split), samples(split)));
  }
}

std::vector<Baseline> TokenStreams::baselines() const {
  const auto score = samples(Split::test) > 0 ? Split::test : Split::val;
  const std::string comment = fmt::format("measured on the {} split", name_of(score));
  return {{"unigram", unigram_perplexity(stream(Split::train), stream(score), facts_.vocabulary), comment},
          {"interpolated bigram", bigram_perplexity(stream(Split::train), stream(score), facts_.vocabulary), comment}};
}

double unigram_perplexity(const std::vector<std::int32_t>& train, const std::vector<std::int32_t>& score,
                          std::int64_t vocabulary) {
  const Unigrams unigrams(train, vocabulary);
  double nats = 0;
  for (const auto token : score) nats -= std::log(unigrams.probabilities[token]);
  return std::exp(nats / static_cast<double>(score.size()));
}

double bigram_perplexity(const std::vector<std::int32_t>& train, const std::vector<std::int32_t>& score,
                         std::int64_t vocabulary) {
  const Unigrams unigrams(train, vocabulary);
  std::unordered_map<std::uint64_t, double> pairs;
  for (std::size_t i = 1; i < train.size(); ++i) ++pairs[pair_of(train[i - 1], train[i])];
  double nats = 0;
  for (std::size_t i = 1; i < score.size(); ++i) {
    auto probability = unigrams.probabilities[score[i]];
    if (const auto before = unigrams.counts[score[i - 1]]; before > 0) {
      const auto pair = pairs.find(pair_of(score[i - 1], score[i]));
      probability = (1 - kPairWeight) * probability + (pair == pairs.end() ? 0 : kPairWeight * pair->second / before);
    }
    nats -= std::log(probability);
  }
  return std::exp(nats / static_cast<double>(score.size() - 1));
}

std::vector<std::int32_t> Vocabulary::read(std::string_view text) {
  std::vector<std::int32_t> words;
  for_each_word(text, [&](std::string_view word, std::int64_t) {
    auto known = numbers_.find(word);
    if (known == numbers_.end()) {
      known = numbers_.emplace(std::string(word), static_cast<std::int32_t>(names_.size())).first;
      names_.emplace_back(word);
      counts_.push_back(0);
    }
    ++counts_[known->second];
    words.push_back(known->second);
  });
  return words;
}

std::vector<std::int32_t> Vocabulary::read_known(std::string_view text, const std::string& name) const {
  const auto unknown = numbers_.find("<unk>");
  std::vector<std::int32_t> words;
  for_each_word(text, [&](std::string_view word, std::int64_t line) {
    auto known = numbers_.find(word);
    if (known == numbers_.end()) known = unknown;
    check(known != numbers_.end(), name, ":", line, ": '", word, "' is not in the training text, which has no <unk>");
    words.push_back(known->second);
  });
  return words;
}

std::vector<std::int32_t> Vocabulary::sort_by_frequency() {
  std::vector<std::int32_t> order(names_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin() + 1, order.end(), [&](auto a, auto b) { return counts_[a] > counts_[b]; });
  std::vector<std::int32_t> renumbered(order.size());
  std::vector<std::string> names;
  std::vector<std::int64_t> counts;
  for (const auto old : order) {
    renumbered[old] = static_cast<std::int32_t>(names.size());
    counts.push_back(counts_[old]);
    names.push_back(std::move(names_[old]));
  }
  names_ = std::move(names);
  counts_ = std::move(counts);
  for (auto& [word, number] : numbers_) number = renumbered[number];
  return renumbered;
}

}  // namespace longwave
