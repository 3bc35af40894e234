#pragma once

namespace longwave::bench {

/// Exponentials per second that the kernels' own exp reaches on all threads, its data in registers and L1.
double measure_exp_rate();

/// Operations per second (5 n log2 n for a complex transform of length n) that the kernels' own butterflies reach on
/// all threads, their data in L1.
double measure_fft_rate();

}  // namespace longwave::bench
