#pragma once

#include <hwy/targets.h>

#include <functional>
#include <string>

namespace longwave::testing {

/// Runs the body once for every instruction set that this machine has and the kernels were compiled for.
inline void for_every_instruction_set(const std::function<void(const std::string&)>& body) {
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body(hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

}  // namespace longwave::testing
