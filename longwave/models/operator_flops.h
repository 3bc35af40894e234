#pragma once

#include <ATen/core/ivalue.h>

#include <map>
#include <string>

namespace longwave {

/// Floating-point operations of a call, from its arguments. See count_flops for what counts.
using FlopFormula = double (*)(c10::ArrayRef<const c10::IValue> arguments);

/// The formulas of our operators, by their registered names.
const std::map<std::string, FlopFormula>& operator_flops();

}  // namespace longwave
