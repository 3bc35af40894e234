#pragma once

#include <map>
#include <string>

#include "longwave/base/cpu.h"
#include "longwave/base/fields.h"

namespace longwave {

/// The environment variables that make libtorch and OpenBLAS use this machine. Their own defaults do not: one thread,
/// a generic (SSE3) matrix kernel on CPUs younger than the library, AVX2 where AVX-512 is there; and threads that spin
/// so long for the others that all steps become slow where the cores have other work, too. They are read when those
/// libraries are loaded, so they must be set before.
std::map<std::string, std::string> preferred_environment(const Cpu& cpu);

/// Sets the preferred variables that the user has not set or has set to nothing, and lets this thread, and all that it
/// starts later, take denormal numbers (float: below 1.2e-38) for zero. Call first in main(), before loading libtorch.
void apply_process_policy(const Cpu& cpu);

/// The threads to compute with: OMP_NUM_THREADS if that is a positive number, else the usable cores.
int compute_threads(const Cpu& cpu);

/// CPU, threads, malloc, denormals and the variables of the policy with who set them ("policy" or "user"), for `doctor`
/// and for run directories. nn/environment.h adds the part that only libtorch knows.
Json machine_report(const Cpu& cpu);

}  // namespace longwave
