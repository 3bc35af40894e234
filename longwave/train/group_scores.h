#pragma once

#include <string>
#include <vector>

#include "longwave/report/statistics.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/comparison_groups.h"

namespace longwave {

/// A score as tables print it, "-" if it is not finite.
std::string score_number(const Metric& metric, double value);

/// Behind a mean over seeds: " ± " and half its 95 % interval; where all seeds have one score, which says nothing of
/// how sure that is, " (equal)"; nothing of one seed.
std::string spread_text(const Metric& metric, const Estimate& e);

/// Over the seeds that finished.
Estimate score_estimate(const Group& group, const std::string& name);

/// The mean as printed, with half its 95 % interval where there are several seeds; where no run has a score, how they
/// ended. The note says where it is a mean of some of the runs only.
TableCell score_cell(const Group& group, const std::string& name);

/// " (2 of 3)" where some runs, but not all, have a score.
std::string share_of_runs(const Group& group);

/// False where the records of the groups were not all measured in one way on the same samples.
bool measured_alike(const std::vector<Group>& groups);

/// Best and runner-up by the means as printed. A mean without the runs that failed is not ranked, nor is anything where
/// groups were not measured alike.
std::vector<Mark> score_marks(const std::vector<Group>& groups, const std::string& name);

/// The group with the best mean among those without a failed run; null if there is none.
const Group* best_group(const std::vector<Group>& groups, const std::string& name);

/// Of the differences group - other, seed by seed, over the seeds that both have.
Estimate paired_difference(const Group& group, const Group& other, const std::string& name);

}  // namespace longwave
