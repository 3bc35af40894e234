#pragma once

#include <string>

namespace longwave {

/// Whether a fixture calls itself causal, in its name or variant: "causal_padded", but neither "noncausal" nor
/// "non_causal".
inline bool says_causal(const std::string& words) {
  const auto has = [&](const char* word) { return words.find(word) != std::string::npos; };
  return has("causal") && !has("noncausal") && !has("non_causal");
}

}  // namespace longwave
