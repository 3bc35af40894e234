#pragma once

namespace longwave {

/// Forgets the peak so far, so that peak_memory_bytes speaks of what comes. Does nothing where the system cannot.
void reset_peak_memory();

/// The most memory that this process has held resident since reset_peak_memory, in bytes.
double peak_memory_bytes();

}  // namespace longwave
