// What this machine reaches with all threads: memory bandwidth, matrix products, exponentials, Fourier transforms.
// Every benchmark is held against these. Prints one JSON line.

#include "bench/measure.h"

int main(int, char** words) {
  longwave::bench::prepare_process(words);
  auto record = longwave::bench::machine_record();
  record["limits"] = longwave::bench::measure_limits().json();
  longwave::bench::print(record);
}
