#include "longwave/stream/beam_search.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// A way to go on from a beam of a group: one more token, or none where the beam is finished.
struct Candidate {
  std::size_t beam;
  std::int32_t token;  // -1: finished before
  double log_probability, score;
};

class Search {
 public:
  Search(const BeamOptions& options, const BeamStep& step) : options_(options), step_(step) {
    Beam prompt;
    groups_.assign(static_cast<std::size_t>(options.groups), {prompt});
    rows_.assign(groups_.size(), {0});
  }

  std::vector<Beam> run() {
    std::vector<std::int64_t> parents;
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < options_.steps && (i == 0 || !tokens.empty()); ++i) {
      const auto scores = step_(parents, tokens).to(at::kDouble).contiguous();
      parents.clear(), tokens.clear();
      extend(scores, parents, tokens);
    }
    std::vector<Beam> all;
    for (auto& group : groups_) {
      std::stable_sort(group.begin(), group.end(), [&](const Beam& a, const Beam& b) { return final(a) > final(b); });
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }

 private:
  bool finished(const Beam& beam) const { return !beam.tokens.empty() && beam.tokens.back() == options_.end; }

  double final(const Beam& beam) const {
    const auto length = static_cast<double>(std::max<std::size_t>(1, beam.tokens.size()));
    return beam.score / std::pow(length, options_.length_penalty);
  }

  /// One step of all groups. What the model must be asked next goes to `parents` and `tokens`.
  void extend(const at::Tensor& scores, std::vector<std::int64_t>& parents, std::vector<std::int32_t>& tokens) {
    std::map<std::int32_t, int> taken;  // by earlier groups at this step
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const auto best = candidates(g, scores, taken);
      std::vector<Beam> beams;
      std::vector<std::int64_t> rows;
      for (const auto& c : best) {
        auto beam = groups_[g][c.beam];
        beam.log_probability = c.log_probability;
        beam.score = c.score;
        if (c.token >= 0) beam.tokens.push_back(c.token), ++taken[c.token];
        const bool asks = c.token >= 0 && !finished(beam);
        rows.push_back(asks ? static_cast<std::int64_t>(tokens.size()) : -1);
        if (asks) parents.push_back(rows_[g][c.beam]), tokens.push_back(c.token);
        beams.push_back(std::move(beam));
      }
      groups_[g] = std::move(beams);
      rows_[g] = std::move(rows);
    }
  }

  /// The best ways to go on from the beams of a group, best first.
  std::vector<Candidate> candidates(std::size_t group, const at::Tensor& scores,
                                    const std::map<std::int32_t, int>& taken) const {
    const auto vocabulary = scores.size(1);
    std::vector<double> penalty(static_cast<std::size_t>(vocabulary));
    for (const auto& [token, count] : taken) penalty[token] = options_.diversity * count;
    std::vector<Candidate> all;
    for (std::size_t b = 0; b < groups_[group].size(); ++b) {
      const auto& beam = groups_[group][b];
      if (rows_[group][b] < 0) {
        all.push_back({b, -1, beam.log_probability, beam.score});
        continue;
      }
      const double* row = scores.data_ptr<double>() + rows_[group][b] * vocabulary;
      for (std::int32_t token = 0; token < vocabulary; ++token)
        all.push_back({b, token, beam.log_probability + row[token], beam.score + row[token] - penalty[token]});
    }
    const auto count = std::min<std::size_t>(all.size(), static_cast<std::size_t>(options_.per_group));
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                      [](const Candidate& a, const Candidate& b) {
                        if (a.score != b.score) return a.score > b.score;
                        return a.beam != b.beam ? a.beam < b.beam : a.token < b.token;
                      });
    all.resize(count);
    return all;
  }

  const BeamOptions& options_;
  const BeamStep& step_;
  std::vector<std::vector<Beam>> groups_;
  std::vector<std::vector<std::int64_t>> rows_;  // of every beam in the model's last answer; -1: finished
};

}  // namespace

void check_beams(const BeamOptions& o) {
  check(o.per_group >= 1, "beams is ", o.per_group, " a group; expected at least 1");
  check(o.groups >= 1, "groups is ", o.groups, "; expected at least 1");
  check(o.diversity >= 0 && std::isfinite(o.diversity), "diversity is ", o.diversity, "; expected >= 0");
  check(o.steps >= 1, "tokens is ", o.steps, "; expected at least 1");
}

std::vector<Beam> beam_search(const BeamOptions& options, const BeamStep& step) {
  check_beams(options);
  return Search(options, step).run();
}

}  // namespace longwave
