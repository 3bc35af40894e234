#pragma once

#include "longwave/base/fields.h"

namespace longwave {

/// What this code is, by git: commit, or nearest tag and commit, "-dirty" with changes of its own; "unknown" if it was
/// built outside a repository.
const char* code_revision();

/// Everything about this process that decides speed and last bits: CPU, threads, malloc and policy variables (see
/// machine_report), device, precision, determinism, code revision, library versions, BLAS file and kernel,
/// ATen's instruction set, Highway targets, CUDA. Goes into every run directory and benchmark record.
///   {"cpu", "features", "cores", "memory_bytes", "l2_bytes", "threads", "malloc", "variables",
///    "device", "precision", "determinism", "revision", "libtorch", "aten_capability", "aten_threads",
///    "blas", "blas_file", "blas_core", "large_products", "highway", "highway_targets", "cuda"}
/// blas and blas_core are "" if the BLAS is not OpenBLAS, large_products if it computes large products, too.
Json environment_report();

}  // namespace longwave
