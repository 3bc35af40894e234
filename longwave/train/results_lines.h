#pragma once

#include <string>

#include "longwave/train/comparison_report.h"

namespace longwave {

/// One line of JSON for each finished or failed cell, in the order of the comparison, then for each other trial of its
/// searches, for programs that read results:
///   task, data, variant (of a sequence set: its settings that are not the usual ones), horizon (of series), training,
///   model, cell (its key in the store), seed, point (of a search), trials (that were made for the model), ranked
///   (false: a trial that was not chosen, which no table of scores has) parameters, body, embedding, head; tokens and
///   flops of the whole training; wall_seconds, peak_bytes device, precision, best_step (of the kept weights), metric,
///   val, test, test_touches data_hash (of the content of files), revision (of the code)
/// or, of a failed one, error. What does not apply, or what an older version did not store, is null.
std::string results_lines(const Comparison& comparison, const CellRecords& records);

}  // namespace longwave
