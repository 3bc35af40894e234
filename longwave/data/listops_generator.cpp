#include "longwave/data/listops_generator.h"

#include <string_view>
#include <unordered_map>

#include "longwave/base/check.h"
#include "longwave/base/random.h"

namespace longwave {
namespace {

constexpr double kOperatorShare = 0.25;
constexpr std::int64_t kBlock = 512, kWave = 64;  // draws of one thread at a time; blocks between two joins
constexpr std::int64_t kPatience = 1 << 22;       // draws without a new expression

/// Draws one expression at the end of `out`; false as soon as it is too long.
class Drawer {
 public:
  Drawer(const ListOpsRule& rule, RandomStream random, std::vector<std::uint8_t>& out)
      : rule_(rule), random_(random), out_(out), begin_(out.size()) {}

  bool draw() { return node(1) && length() > rule_.min_length; }

 private:
  std::int64_t length() const { return static_cast<std::int64_t>(out_.size() - begin_); }

  bool node(std::int64_t depth) {
    const bool leaf = depth >= rule_.max_depth || random_.uniform() > kOperatorShare;
    if (leaf) {
      out_.push_back(static_cast<std::uint8_t>(random_.below(10)));
    } else {
      const auto arguments =
          2 + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(rule_.max_args) - 1));
      out_.push_back(static_cast<std::uint8_t>(kMin + random_.below(4)));
      for (std::int64_t i = 0; i < arguments; ++i)
        if (!node(depth + 1)) return false;
      out_.push_back(kClose);
    }
    return length() < rule_.max_length;
  }

  const ListOpsRule& rule_;
  RandomStream random_;
  std::vector<std::uint8_t>& out_;
  std::size_t begin_;
};

/// Accepted expressions of draws [first, first + kBlock), with the number of each draw in `draws`.
struct Block {
  ListOpsTrees trees;
  std::vector<std::int64_t> draws;
};

Block draw_block(const ListOpsRule& rule, RandomStream seed, std::int64_t first) {
  Block block;
  auto& symbols = block.trees.symbols;
  for (auto i = first; i < first + kBlock; ++i) {
    const auto begin = symbols.size();
    if (Drawer(rule, seed.split(static_cast<std::uint64_t>(i)), symbols).draw()) {
      block.trees.ends.push_back(static_cast<std::int64_t>(symbols.size()));
      block.trees.values.push_back(
          static_cast<std::uint8_t>(*listops_value({symbols.data() + begin, symbols.size() - begin})));
      block.draws.push_back(i);
    } else {
      symbols.resize(begin);
    }
  }
  return block;
}

/// Collects expressions that were not there yet.
class Collector {
 public:
  ListOpsTrees trees;

  void add(const Block& block, std::int64_t wanted) {
    for (std::int64_t i = 0; i < block.trees.count() && trees.count() < wanted; ++i) {
      trees.draws = block.draws[static_cast<std::size_t>(i)] + 1;
      const auto expression = block.trees.at(i);
      if (!is_new(expression)) continue;
      trees.symbols.insert(trees.symbols.end(), expression.begin(), expression.end());
      trees.ends.push_back(static_cast<std::int64_t>(trees.symbols.size()));
      trees.values.push_back(block.trees.values[static_cast<std::size_t>(i)]);
      newest_draw_ = trees.draws;
    }
  }
  std::int64_t newest_draw() const { return newest_draw_; }

 private:
  static std::string_view bytes(ListOpsView expression) {
    return {reinterpret_cast<const char*>(expression.data()), expression.size()};
  }
  bool is_new(ListOpsView expression) {
    const auto hash = std::hash<std::string_view>{}(bytes(expression));
    const auto [begin, end] = by_hash_.equal_range(hash);
    for (auto known = begin; known != end; ++known)
      if (bytes(trees.at(known->second)) == bytes(expression)) return false;
    by_hash_.emplace(hash, trees.count());
    return true;
  }
  std::unordered_multimap<std::size_t, std::int64_t> by_hash_;
  std::int64_t newest_draw_ = 0;
};

}  // namespace

void ListOpsTrees::add(ListOpsView expression) {
  symbols.insert(symbols.end(), expression.begin(), expression.end());
  ends.push_back(static_cast<std::int64_t>(symbols.size()));
  values.push_back(static_cast<std::uint8_t>(*listops_value(expression)));
}

ListOpsTrees generate_listops(const ListOpsRule& rule, std::int64_t count, std::uint64_t seed) {
  const auto stream = RandomStream{seed}.split(0);
  Collector collector;
  for (std::int64_t first = 0; collector.trees.count() < count; first += kBlock * kWave) {
    check(first - collector.newest_draw() < kPatience, "listops: no more than ", collector.trees.count(),
          " distinct expressions of max_depth ", rule.max_depth, ", max_args ", rule.max_args, " and ", rule.min_length,
          " < length < ", rule.max_length, " were found; expected ", count,
          "; ask for fewer samples or widen the rule");
    std::vector<Block> blocks(kWave);
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t i = 0; i < kWave; ++i)
      blocks[static_cast<std::size_t>(i)] = draw_block(rule, stream, first + i * kBlock);
    for (const auto& block : blocks) collector.add(block, count);
  }
  return std::move(collector.trees);
}

}  // namespace longwave
