#pragma once

namespace longwave::kernels {

/// gelu is the exact form, x * (1 + erf(x / sqrt 2)) / 2.
enum class Activation { gelu, relu };

}  // namespace longwave::kernels
