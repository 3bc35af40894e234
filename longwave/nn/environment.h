#pragma once

#include "longwave/base/fields.h"

namespace longwave {

/// Everything about this process that decides speed and last bits: CPU, threads, malloc and policy variables (see
/// machine_report), library versions, BLAS file and kernel, ATen's instruction set, Highway targets, CUDA. Goes into
/// every run directory and benchmark record.
///   {"cpu", "features", "cores", "memory_bytes", "l2_bytes", "threads", "malloc", "variables",
///    "libtorch", "aten_capability", "aten_threads", "blas_file", "blas_core", "highway_targets", "cuda"}
/// blas_core is "" if the BLAS is not OpenBLAS.
Json environment_report();

}  // namespace longwave
