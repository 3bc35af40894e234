#include "longwave/ops/dplr_recurrence.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/dplr_recurrence.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor>;  // y, state

void check_inputs(const Tensor& x, const DplrCoefficients& k, const Tensor& state, const Tensor& lengths) {
  check(x.dim() == 3 && x.numel() > 0, "dplr_recurrence: x is ", x.sizes(), "; expected [b, t, d], none of them 0");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "dplr_recurrence: x is ", x.scalar_type(),
        "; expected float or double");
  const auto d = x.size(2);
  check(k.g.dim() == 3 && k.g.size(0) == 2 && k.g.size(1) > 0 && (k.g.size(2) == d || k.g.size(2) == 1),
        "dplr_recurrence: g is ", k.g.sizes(), "; expected [2, n, d] or [2, n, 1] with d = ", d);
  const auto n = k.g.size(1);
  check(k.p.dim() == 4 && k.c.dim() == 4 && k.c.size(0) > 0, "dplr_recurrence: p is ", k.p.sizes(), ", c is ",
        k.c.sizes(), "; expected [r, 2, n, d] and [m, 2, n, d] with m > 0");
  const auto expect = [&](const char* name, const Tensor& v, const std::vector<std::int64_t>& sizes) {
    check(v.sizes() == at::IntArrayRef(sizes), "dplr_recurrence: ", name, " is ", v.sizes(), "; expected ",
          at::IntArrayRef(sizes), " to fit x ", x.sizes(), " and g ", k.g.sizes());
    check(v.scalar_type() == x.scalar_type(), "dplr_recurrence: ", name, " is ", v.scalar_type(), "; expected ",
          x.scalar_type(), " like x");
  };
  expect("g", k.g, {2, n, k.g.size(2)});
  expect("b", k.b, {2, n, k.b.dim() == 3 && k.b.size(2) == 1 ? 1 : d});
  expect("p", k.p, {k.p.size(0), 2, n, d});
  expect("q", k.q, {k.p.size(0), 2, n, d});
  expect("c", k.c, {k.c.size(0), 2, n, d});
  expect("state", state, {x.size(0), 2, n, d});
  if (lengths.numel() > 0) check_lengths("dplr_recurrence", lengths, x);
}

Tensor empty_output(const Tensor& x, const Tensor& c) {
  return at::empty({x.size(0), x.size(1), c.size(0), x.size(2)}, x.options());
}

template <class T>
void run(const Tensor& x, const DplrCoefficients& k, const Tensor& state, const Tensor& lengths, const Outputs& out) {
  const kernels::DplrRecurrence<T> s{.x = x.data_ptr<T>(),
                                     .g = k.g.data_ptr<T>(),
                                     .b = k.b.data_ptr<T>(),
                                     .p = k.p.data_ptr<T>(),
                                     .q = k.q.data_ptr<T>(),
                                     .c = k.c.data_ptr<T>(),
                                     .before = state.data_ptr<T>(),
                                     .lengths = lengths.numel() ? lengths.data_ptr<std::int64_t>() : nullptr,
                                     .y = std::get<0>(out).data_ptr<T>(),
                                     .behind = std::get<1>(out).data_ptr<T>(),
                                     .rows = x.size(0),
                                     .t = x.size(1),
                                     .d = x.size(2),
                                     .n = k.g.size(1),
                                     .r = k.p.size(0),
                                     .m = k.c.size(0),
                                     .g_shared = k.g.size(2) < x.size(2),
                                     .b_shared = k.b.size(2) < x.size(2)};
  if constexpr (std::is_same_v<T, float>)
    kernels::dplr_recurrence(s);
  else
    kernels::dplr_recurrence_reference(s);
}

Outputs recurrence_cpu(const Tensor& x, const Tensor& g, const Tensor& b, const Tensor& p, const Tensor& q,
                       const Tensor& c, const Tensor& state, const Tensor& lengths) {
  check_inputs(x, {g, b, p, q, c}, state, lengths);
  const DplrCoefficients k{g.contiguous(), b.contiguous(), p.contiguous(), q.contiguous(), c.contiguous()};
  const Outputs out{empty_output(x, c), at::empty(state.sizes(), state.options())};
  const auto function = x.scalar_type() == at::kDouble ? run<double> : run<float>;
  function(x.contiguous(), k, state.contiguous(), lengths.contiguous(), out);
  return out;
}

Outputs recurrence_meta(const Tensor& x, const Tensor& g, const Tensor& b, const Tensor& p, const Tensor& q,
                        const Tensor& c, const Tensor& state, const Tensor& lengths) {
  check_inputs(x, {g, b, p, q, c}, state, lengths);
  return {empty_output(x, c), at::empty(state.sizes(), state.options())};
}

}  // namespace

DplrRecurrenceResult dplr_recurrence(const Tensor& x, const DplrCoefficients& k, const Tensor& state,
                                     const Tensor& lengths) {
  for (const auto& input : {x, k.g, k.b, k.p, k.q, k.c, state})
    check(!at::GradMode::is_enabled() || !input.requires_grad(),
          "dplr_recurrence: has no gradient, but an input asks for one");
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::dplr_recurrence", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            const Tensor&, const Tensor&, const Tensor&)>();
  const auto [y, behind] = op.call(x, k.g, k.b, k.p, k.q, k.c, state,
                                   lengths.defined() ? lengths : at::empty({0}, x.options().dtype(at::kLong)));
  return {y, behind};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "dplr_recurrence(Tensor x, Tensor g, Tensor b, Tensor p, Tensor q, Tensor c, Tensor state, Tensor lengths)"
      " -> (Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(longwave, CPU, library) { library.impl("dplr_recurrence", &recurrence_cpu); }
TORCH_LIBRARY_IMPL(longwave, Meta, library) { library.impl("dplr_recurrence", &recurrence_meta); }

}  // namespace longwave::ops
