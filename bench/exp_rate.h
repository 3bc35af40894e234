#pragma once

namespace longwave::bench {

/// Exponentials per second that the kernels' own exp reaches on all threads, its data in registers and L1.
double measure_exp_rate();

}  // namespace longwave::bench
