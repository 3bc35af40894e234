#include "longwave/ops/low_rank.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/low_rank.h"

namespace longwave::ops {
namespace {

using at::Tensor;

Tensor call(const Tensor& s, const Tensor& tangent, std::int64_t rank) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::low_rank_response", "")
                             .typed<Tensor(const Tensor&, const Tensor&, std::int64_t)>();
  return op.call(s, tangent, rank);
}

Tensor call_grad(const Tensor& d, const Tensor& s, const Tensor& tangent, std::int64_t rank) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::low_rank_response_grad", "")
                             .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, std::int64_t)>();
  return op.call(d, s, tangent, rank);
}

void check_inputs(const Tensor& s, const Tensor& tangent, std::int64_t rank) {
  check(rank >= 1 && rank <= kernels::kLargestRank, "low_rank_response: rank is ", rank, "; expected 1 to ",
        kernels::kLargestRank);
  check(s.dim() == 4 && s.is_complex() && s.size(0) > rank && s.size(1) > rank, "low_rank_response: s is ",
        s.scalar_type(), " ", s.sizes(), "; expected complex [inputs + r, outputs + r, h, l] with r = ", rank);
  check(tangent.dim() == 1 && tangent.size(0) == s.size(3) &&
            tangent.scalar_type() == c10::toRealValueType(s.scalar_type()),
        "low_rank_response: tangent is ", tangent.scalar_type(), " ", tangent.sizes(), "; expected real [l] = [",
        s.size(3), "]");
}

Tensor pairs(const Tensor& x) { return at::view_as_real(x.resolve_conj().contiguous()); }

std::vector<std::int64_t> response_sizes(const Tensor& s, std::int64_t rank) {
  return {s.size(0) - rank, s.size(1) - rank, s.size(2), s.size(3)};
}

template <class T>
void run(const Tensor& s, const Tensor& tangent, std::int64_t rank, const Tensor& y) {
  kernels::low_rank<T>({.s = s.data_ptr<T>(),
                        .tangent = tangent.data_ptr<T>(),
                        .y = y.data_ptr<T>(),
                        .inputs = y.size(0),
                        .outputs = y.size(1),
                        .rank = rank,
                        .h = s.size(2),
                        .l = s.size(3)});
}

template <class T>
void run_grad(const Tensor& d, const Tensor& s, const Tensor& tangent, std::int64_t rank, const Tensor& ds) {
  kernels::low_rank_grad<T>({.s = s.data_ptr<T>(),
                             .tangent = tangent.data_ptr<T>(),
                             .dy = d.data_ptr<T>(),
                             .ds = ds.data_ptr<T>(),
                             .inputs = d.size(0),
                             .outputs = d.size(1),
                             .rank = rank,
                             .h = s.size(2),
                             .l = s.size(3)});
}

Tensor response_cpu(const Tensor& s, const Tensor& tangent, std::int64_t rank) {
  check_inputs(s, tangent, rank);
  const auto y = at::empty(response_sizes(s, rank), s.options());
  const auto run_typed = s.scalar_type() == at::kComplexDouble ? run<double> : run<float>;
  run_typed(pairs(s), tangent.contiguous(), rank, at::view_as_real(y));
  return y;
}

Tensor grad_cpu(const Tensor& d, const Tensor& s, const Tensor& tangent, std::int64_t rank) {
  check_inputs(s, tangent, rank);
  check(d.sizes() == at::IntArrayRef(response_sizes(s, rank)) && d.scalar_type() == s.scalar_type(),
        "low_rank_response_grad: d is ", d.scalar_type(), " ", d.sizes(), "; expected ", s.scalar_type(), " ",
        at::IntArrayRef(response_sizes(s, rank)));
  const auto ds = at::empty(s.sizes(), s.options());
  const auto run_typed = s.scalar_type() == at::kComplexDouble ? run_grad<double> : run_grad<float>;
  run_typed(pairs(d), pairs(s), tangent.contiguous(), rank, at::view_as_real(ds));
  return ds;
}

Tensor response_meta(const Tensor& s, const Tensor& tangent, std::int64_t rank) {
  check_inputs(s, tangent, rank);
  return at::empty(response_sizes(s, rank), s.options());
}

Tensor grad_meta(const Tensor&, const Tensor& s, const Tensor&, std::int64_t) {
  return at::empty(s.sizes(), s.options());
}

struct Response : torch::autograd::Function<Response> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& s, const Tensor& tangent,
                        std::int64_t rank) {
    ctx->save_for_backward({s, tangent});
    ctx->saved_data["rank"] = rank;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call(s, tangent, rank);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "low_rank_response: second derivatives are not implemented");
    const auto saved = ctx->get_saved_variables();
    return {call_grad(grads[0], saved[0], saved[1], ctx->saved_data["rank"].toInt()), Tensor(), Tensor()};
  }
};

Tensor response_autograd(const Tensor& s, const Tensor& tangent, std::int64_t rank) {
  return Response::apply(s, tangent, rank);
}

}  // namespace

Tensor low_rank_response(const Tensor& s, const Tensor& tangent, std::int64_t rank) { return call(s, tangent, rank); }

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("low_rank_response(Tensor s, Tensor tangent, int rank) -> Tensor");
  library.def("low_rank_response_grad(Tensor d, Tensor s, Tensor tangent, int rank) -> Tensor");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("low_rank_response", &response_cpu);
  library.impl("low_rank_response_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("low_rank_response", &response_meta);
  library.impl("low_rank_response_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("low_rank_response", &response_autograd); }

}  // namespace longwave::ops
