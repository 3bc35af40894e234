#pragma once

#include <functional>
#include <vector>

#include "longwave/base/fields.h"

namespace longwave::bench {

/// The main function of a benchmark: `run` under the process policy of the program `longwave`, and what a user got
/// wrong in one line. The libraries that read the policy's variables are loaded with this program, so it starts itself
/// again where any had to be set.
int main_of(int count, char** words, int (*run)(int count, char** words));

/// What every record says of where it was measured: machine, threads, instruction sets, BLAS core, and the commit that
/// the variable BENCH_COMMIT holds.
Json machine_record();

/// Seconds of one call.
double seconds_of(const std::function<void()>& body);

double median(std::vector<double> values);

/// Median seconds of calls that take about `budget` seconds together: at least one, at most 50 or as many as fill
/// 20 ms.
double median_seconds(double budget, const std::function<void()>& body);

/// The most memory that a call holds beyond what is there before it, in bytes; and its seconds.
struct Peak {
  double bytes = 0, seconds = 0;
};
Peak peak_of(const std::function<void()>& body);

/// Bytes that the system can still give.
double available_memory();

/// Prints a JSON line at once.
void print(const Json& record);

/// What the machine reaches, against which results are held.
struct MachineLimits {
  double bandwidth = 0;         // bytes a second of a[i] = b[i] + s c[i] over 3 x 512 MiB, all threads
  double tensor_bandwidth = 0;  // the same over 3 x 16 MiB, which the last cache may hold; updates in place may beat it
  double gemm = 0;              // operations a second of a product of 2048 x 2048 matrices, all threads
  double gemm_one_thread = 0;   // the same with one thread
  double exponentials = 0;      // a second, see kernel_rates.h
  double fft = 0;               // operations a second, see kernel_rates.h

  Json json() const;
};
MachineLimits measure_limits();

}  // namespace longwave::bench
