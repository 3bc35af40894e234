#pragma once

#include <string>
#include <vector>

namespace longwave {

/// Round numbers (1, 2, 5 times a power of ten) that cover [low, high] in about `wanted` steps. The first is <= low and
/// the last >= high. A range of no width is widened: that of 0 alone to [0, 1].
std::vector<double> linear_ticks(double low, double high, int wanted);

/// Powers of ten, with 2 and 5 between them where the range is short. `low` must be positive.
std::vector<double> log_ticks(double low, double high);

/// Times on a logarithmic axis, in seconds: powers of ten up to 10 s, then 1 min, 10 min, 1 h, 10 h, ...
std::vector<double> time_ticks(double low, double high);

/// Sizes in bytes on a logarithmic axis: powers of two that read as round numbers, at most six or so.
std::vector<double> byte_ticks(double low, double high);

/// How the numbers of an axis are written.
enum class NumberStyle { plain, si, seconds, bytes };

/// One label for each tick, all with the same number of decimals: "0.25", "1.5 M", "20 ms", "64 MiB".
std::vector<std::string> tick_labels(const std::vector<double>& ticks, NumberStyle style);

/// A single number for tables and sentences, about three significant digits: "98.5 k", "12.3 ms", "1.2 GiB", "3 min 20
/// s".
std::string format_number(double value, NumberStyle style);

}  // namespace longwave
