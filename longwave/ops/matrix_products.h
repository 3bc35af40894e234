#pragma once

#include <string>

namespace longwave::ops {

/// Who computes large matrix products of floats on the CPU in the place of the BLAS: "oneDNN 2.6.3", or "" where the
/// BLAS does.
std::string large_products();

}  // namespace longwave::ops
