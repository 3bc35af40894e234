#include "bench/case_parts.h"

#include <ATen/ATen.h>

#include <cmath>

namespace longwave::bench {

at::Tensor leaf(Case& c, const std::string& name, const at::Tensor& value) {
  return c.leaves[name] = value.detach().requires_grad_();
}

at::Tensor constant(Case& c, const std::string& name, const at::Tensor& value) {
  return c.leaves[name] = value.detach().to(at::kFloat);
}

double matrix_weights(const Module& module) {
  double weights = 0;
  for (const auto& parameter : module.named_parameters())
    if (parameter.key().find("weight") != std::string::npos && parameter.value().dim() == 2)
      weights += static_cast<double>(parameter.value().numel());
  return weights;
}

void add_bytes(Case& c, const at::Tensor& x, double forward, double both) {
  const auto bytes = static_cast<double>(x.nbytes());
  c.work[Bound::tensor_bytes].forward += forward * bytes;
  c.work[Bound::tensor_bytes].both += both * bytes;
}

void add_products(Case& c, std::int64_t steps, double multiply_adds) {
  const double forward = 2 * multiply_adds * static_cast<double>(steps);
  c.work[Bound::gemm_flops].forward += forward;
  c.work[Bound::gemm_flops].both += 3 * forward;
}

void add_scores(Case& c, std::int64_t pairs) {
  const auto one = static_cast<double>(pairs);
  c.work[Bound::exponentials].forward += one;
  c.work[Bound::exponentials].both += 2 * one;
}

void add_scan(Case& c, std::int64_t states) {
  add_scores(c, states);
  c.work[Bound::gemm_flops].forward += 6 * static_cast<double>(states);
  c.work[Bound::gemm_flops].both += 24 * static_cast<double>(states);
}

std::function<void()> recurrent_products(std::int64_t b, std::int64_t t, std::int64_t d, std::int64_t gates) {
  const auto w = at::randn({gates * d, d}), x = at::randn({t * b, d}), maps = at::randn({t * b, gates * d}),
             states = at::empty({t * b, d}), dx = at::empty({t * b, d}), dw = at::empty({gates * d, d});
  return [=] {
    const at::NoGradGuard no_grad;
    const auto product = [](const at::Tensor& to, const at::Tensor& left, const at::Tensor& right) {
      auto out = to;
      at::mm_out(out, left, right);
    };
    const auto step = [&](const at::Tensor& all, std::int64_t i) { return all.narrow(0, i * b, b); };
    product(maps, x, w.t());
    for (std::int64_t i = 0; i < t; ++i) product(step(maps, i), step(x, i), w.t());
    for (std::int64_t i = t; i-- > 0;) product(step(states, i), step(maps, i), w);
    product(dx, maps, w);
    for (int matrix = 0; matrix < 2; ++matrix) product(dw, maps.t(), x);
  };
}

std::function<void()> map_products(std::int64_t steps, const std::vector<std::array<std::int64_t, 2>>& maps) {
  struct Map {
    at::Tensor x, y, w, dx, dw;
  };
  std::vector<Map> all;
  for (const auto& [in, out] : maps)
    all.push_back({at::randn({steps, in}), at::randn({steps, out}), at::randn({out, in}), at::empty({steps, in}),
                   at::empty({out, in})});
  return [all] {
    const at::NoGradGuard no_grad;
    for (const auto& m : all) {
      auto y = m.y, dx = m.dx, dw = m.dw;
      at::mm_out(dx, m.y, m.w);
      at::mm_out(dw, m.y.t(), m.x);
      at::mm_out(y, m.x, m.w.t());
    }
  };
}

void add_convolutions(Case& c, std::int64_t b, std::int64_t t, std::int64_t channels) {
  const double transform = 5 * static_cast<double>(t) * std::log2(static_cast<double>(t));
  const double forward = transform * static_cast<double>((2 * b + 1) * channels);
  c.work[Bound::fft_flops].forward += forward;
  c.work[Bound::fft_flops].both += forward + transform * static_cast<double>((3 * b + 2) * channels);
}

}  // namespace longwave::bench
