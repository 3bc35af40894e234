#include "longwave/ops/dropout.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/dropout.h"

namespace longwave::ops {
namespace {

using at::Tensor;

Tensor call_dropout(const Tensor& x, double p, std::int64_t key) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::dropout", "")
                             .typed<Tensor(const Tensor&, double, std::int64_t)>();
  return op.call(x, p, key);
}

void check_inputs(const Tensor& x, double p) {
  check(p >= 0 && p < 1, "dropout: p is ", p, "; expected in [0, 1)");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "dropout: x is ", x.scalar_type(),
        "; expected float or double");
}

Tensor dropout_cpu(const Tensor& x_any, double p, std::int64_t key) {
  check_inputs(x_any, p);
  const auto x = x_any.contiguous();
  const auto y = at::empty_like(x);
  const kernels::DropoutMask mask(p, key);
  if (x.scalar_type() == at::kFloat)
    kernels::dropout(x.data_ptr<float>(), y.data_ptr<float>(), x.numel(), mask);
  else
    kernels::dropout_reference(x.data_ptr<double>(), y.data_ptr<double>(), x.numel(), mask, p);
  return y;
}

Tensor dropout_meta(const Tensor& x, double p, std::int64_t) {
  check_inputs(x, p);
  return at::empty_like(x, x.options(), at::MemoryFormat::Contiguous);
}

// The operator is linear and its own adjoint.
struct DropoutFunction : torch::autograd::Function<DropoutFunction> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, double p, std::int64_t key) {
    ctx->saved_data["p"] = p;
    ctx->saved_data["key"] = key;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_dropout(x, p, key);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    return {call_dropout(grads[0], ctx->saved_data["p"].toDouble(), ctx->saved_data["key"].toInt()), Tensor(),
            Tensor()};
  }
};

Tensor dropout_autograd(const Tensor& x, double p, std::int64_t key) { return DropoutFunction::apply(x, p, key); }

}  // namespace

Tensor dropout(const Tensor& x, double p, std::int64_t key) { return call_dropout(x, p, key); }

TORCH_LIBRARY_FRAGMENT(longwave, library) { library.def("dropout(Tensor x, float p, int key) -> Tensor"); }
TORCH_LIBRARY_IMPL(longwave, CPU, library) { library.impl("dropout", &dropout_cpu); }
TORCH_LIBRARY_IMPL(longwave, Meta, library) { library.impl("dropout", &dropout_meta); }
TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("dropout", &dropout_autograd); }

}  // namespace longwave::ops
