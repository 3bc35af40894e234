// What this machine reaches with all threads: memory bandwidth, matrix products, exponentials, Fourier transforms.
// Every benchmark is held against these. Prints one JSON line.

#include "bench/measure.h"

namespace {

int run(int, char**) {
  auto record = longwave::bench::machine_record();
  record["limits"] = longwave::bench::measure_limits().json();
  longwave::bench::print(record);
  return 0;
}

}  // namespace

int main(int count, char** words) { return longwave::bench::main_of(count, words, run); }
