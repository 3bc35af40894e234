#pragma once

#include <string>

namespace longwave {

/// Forgets the peak so far, so that peak_memory_bytes speaks of what comes. Does nothing where the system cannot.
void reset_peak_memory();

/// The most memory that this process has held resident since reset_peak_memory, in bytes.
double peak_memory_bytes();

/// Which malloc this process has: "jemalloc 5.3.0, huge pages" or "of the C library".
std::string malloc_name();

/// Gives back to the system what was freed and kept for later.
void release_memory();

}  // namespace longwave
