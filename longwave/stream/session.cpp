#include "longwave/stream/session.h"

#include <ATen/Parallel.h>
#include <ATen/ops/index_select.h>

#include <algorithm>

#include "longwave/base/check.h"

namespace longwave {

Session::Session(LanguageModel& model, std::int64_t rows) : model_(model), state_(model.initial_state(rows)) {}

at::Tensor Session::feed(const at::Tensor& tokens) {
  constexpr std::int64_t kPiece = 256;  // bounds the logits that a long prompt has at once
  check(tokens.dim() == 2 && tokens.size(1) > 0, "session: tokens is ", tokens.sizes(),
        "; expected [rows, t] with t > 0");
  const at::NoGradGuard no_grad;
  at::Tensor logits;
  for (std::int64_t at = 0; at < tokens.size(1); at += kPiece)
    logits = model_.forward(tokens.narrow(1, at, std::min(kPiece, tokens.size(1) - at)), {}, &state_);
  return logits.select(1, logits.size(1) - 1);
}

at::Tensor Session::feed(const std::vector<std::int32_t>& tokens) {
  return feed(at::tensor(std::vector<std::int64_t>(tokens.begin(), tokens.end()), at::kLong).unsqueeze(0));
}

int Session::useful_threads(std::int64_t tokens) const {
  // With two threads a step of a model of 0.5 MB took 1.4 times as long as with one, of 4 MB as long, of 7 to 45 MB
  // 0.9 times.
  constexpr std::int64_t kWorthAThread = 2 << 20;  // bytes of weights, for each token
  std::int64_t bytes = 0;
  for (const auto& weight : model_.parameters()) bytes += weight.numel() * weight.element_size();
  return static_cast<int>(std::clamp<std::int64_t>(bytes * tokens / kWorthAThread, 1, at::get_num_threads()));
}

void Session::select(const std::vector<std::int64_t>& rows) {
  const auto index = at::tensor(rows, at::kLong);
  for (auto& [name, tensor] : state_) tensor = at::index_select(tensor, 0, index);
}

}  // namespace longwave
