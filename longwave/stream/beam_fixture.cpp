// Fixtures of diverse beam search: a table of log-probabilities of a token behind another stands for the model.

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include "longwave/base/check.h"
#include "longwave/models/fixture.h"
#include "longwave/stream/beam_search.h"

namespace longwave {
namespace {

void run(const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
  const auto table = fixture.tensor("in.next_logprob");  // [v + 1, v]; the last row follows the start
  const auto value = [&](const char* key) { return fixture.config.at(key).get<std::int64_t>(); };
  BeamOptions options;
  options.groups = value("groups");
  options.per_group = value("per_group");
  options.steps = value("T");
  options.diversity = fixture.config.at("lam").get<double>();
  const auto beams = beam_search(options, [&](const auto&, const std::vector<std::int32_t>& tokens) {
    std::vector<std::int64_t> rows(tokens.begin(), tokens.end());
    if (rows.empty()) rows.push_back(table.size(0) - 1);
    return at::index_select(table, 0, at::tensor(rows, at::kLong));
  });
  const auto shape = std::vector<std::int64_t>{options.groups, options.per_group};
  const auto sequences = at::empty({options.groups, options.per_group, options.steps}, at::kLong);
  const auto log_probabilities = at::empty(shape, at::kDouble), scores = at::empty(shape, at::kDouble);
  check(static_cast<std::int64_t>(beams.size()) == log_probabilities.numel(), "only ", beams.size(), " beams");
  for (std::size_t i = 0; i < beams.size(); ++i) {
    log_probabilities.data_ptr<double>()[i] = beams[i].log_probability;
    scores.data_ptr<double>()[i] = beams[i].score;
    std::copy(beams[i].tokens.begin(), beams[i].tokens.end(),
              sequences.data_ptr<std::int64_t>() + static_cast<std::int64_t>(i) * options.steps);
  }
  report.compare("out.sequences", sequences, fixture.tensor("out.sequences"), 0);
  const auto tolerance = fixture.tolerance("tolerance", 2e-5);
  report.compare("out.logprob", log_probabilities, fixture.tensor("out.logprob"), tolerance);
  report.compare("out.augmented", scores, fixture.tensor("out.augmented"), tolerance);
}

const RegisterFixtureCheck registered({[](const Fixture& f) { return f.system_id == "diverse_beam_search"; }, run});

}  // namespace
}  // namespace longwave
