#pragma once

#include <string>

namespace longwave {

/// Whether a fixture calls itself causal, in its name or variant: "causal_padded", but neither "noncausal" nor
/// "non_causal".
inline bool says_causal(const std::string& words) {
  return words.find("causal") != std::string::npos && words.find("non") == std::string::npos;
}

}  // namespace longwave
