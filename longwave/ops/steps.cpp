// Whole steps that are copied elsewhere or overwritten. ATen's where and gather take every number by itself, and the
// gradient of its gather adds them up one by one; here a step is one copy, and so is its gradient.

#include "longwave/ops/steps.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kGrain = 1 << 15;  // numbers that one thread copies at least

void check_steps(const char* what, const Tensor& x) {
  check(x.dim() == 3 && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble), what, ": x is ",
        x.scalar_type(), " ", x.sizes(), "; expected float or double [b, t, d]");
}

void check_valid(const Tensor& x, const Tensor& valid) {
  check_steps("fill_steps", x);
  check(valid.scalar_type() == at::kBool && valid.dim() == 3 && valid.size(0) == x.size(0) &&
            valid.size(1) == x.size(1) && valid.size(2) == 1,
        "fill_steps: valid is ", valid.scalar_type(), " ", valid.sizes(), "; expected bool [b, t, 1] = [", x.size(0),
        ", ", x.size(1), ", 1]");
}

void check_reversal(const Tensor& x, const Tensor& lengths) {
  check_steps("reverse_steps", x);
  check_lengths("reverse_steps", lengths, x);
}

/// y of the shape of x; write(x, y, step of all b t, d) makes each of its steps.
template <class Write>
Tensor by_steps(const Tensor& x_any, const Write& write) {
  const auto x = x_any.contiguous();
  const auto y = at::empty_like(x);
  const auto d = x.size(2);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "steps", [&] {
    const auto* from = x.data_ptr<scalar_t>();
    auto* to = y.data_ptr<scalar_t>();
    at::parallel_for(0, x.size(0) * x.size(1), std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, d)),
                     [&](std::int64_t begin, std::int64_t end) {
                       for (auto step = begin; step < end; ++step) write(from, to, step, d);
                     });
  });
  return y;
}

Tensor fill_cpu(const Tensor& x, const Tensor& valid_any, double value) {
  check_valid(x, valid_any);
  const auto valid = valid_any.contiguous();
  const auto* keeps = valid.data_ptr<bool>();
  return by_steps(x, [=](const auto* from, auto* to, std::int64_t step, std::int64_t d) {
    if (keeps[step])
      std::copy_n(from + step * d, d, to + step * d);
    else
      std::fill_n(to + step * d, d, static_cast<std::remove_reference_t<decltype(*to)>>(value));
  });
}

Tensor fill_composed(const Tensor& x, const Tensor& valid, double value) {
  check_valid(x, valid);
  return at::where(valid, x, at::full({}, value, x.options()));
}

Tensor reverse_cpu(const Tensor& x, const Tensor& lengths_any) {
  check_reversal(x, lengths_any);
  const auto lengths = lengths_any.contiguous();
  const auto* ends = lengths.data_ptr<std::int64_t>();
  const auto t = x.size(1);
  return by_steps(x, [=](const auto* from, auto* to, std::int64_t step, std::int64_t d) {
    const auto row = step / t, at = step % t;
    const auto source = at < ends[row] ? row * t + ends[row] - 1 - at : step;
    std::copy_n(from + source * d, d, to + step * d);
  });
}

Tensor reverse_composed(const Tensor& x, const Tensor& lengths) {
  check_reversal(x, lengths);
  const auto steps = at::arange(x.size(1), lengths.options()).unsqueeze(0), ends = lengths.unsqueeze(1);
  const auto from = at::where(steps < ends, ends - 1 - steps, steps);
  return x.gather(1, from.unsqueeze(-1).expand_as(x));
}

Tensor fill_meta(const Tensor& x, const Tensor& valid, double) {
  check_valid(x, valid);
  return at::empty_like(x, x.options(), at::MemoryFormat::Contiguous);
}
Tensor reverse_meta(const Tensor& x, const Tensor& lengths) {
  check_reversal(x, lengths);
  return at::empty_like(x, x.options(), at::MemoryFormat::Contiguous);
}

Tensor call_fill(const Tensor& x, const Tensor& valid, double value) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::fill_steps", "")
                             .typed<Tensor(const Tensor&, const Tensor&, double)>();
  return op.call(x, valid, value);
}

Tensor call_reverse(const Tensor& x, const Tensor& lengths) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::reverse_steps", "")
                             .typed<Tensor(const Tensor&, const Tensor&)>();
  return op.call(x, lengths);
}

struct FillFunction : torch::autograd::Function<FillFunction> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& valid, double value) {
    ctx->save_for_backward({valid});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_fill(x, valid, value);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    return {call_fill(grads[0], ctx->get_saved_variables()[0], 0), Tensor(), Tensor()};
  }
};

// A reversal is its own inverse, and its own adjoint.
struct ReverseFunction : torch::autograd::Function<ReverseFunction> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& lengths) {
    ctx->save_for_backward({lengths});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_reverse(x, lengths);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    return {call_reverse(grads[0], ctx->get_saved_variables()[0]), Tensor()};
  }
};

Tensor fill_autograd(const Tensor& x, const Tensor& valid, double value) {
  return FillFunction::apply(x, valid, value);
}
Tensor reverse_autograd(const Tensor& x, const Tensor& lengths) { return ReverseFunction::apply(x, lengths); }

}  // namespace

Tensor fill_steps(const Tensor& x, const Tensor& valid, double value) { return call_fill(x, valid, value); }
Tensor reverse_steps(const Tensor& x, const Tensor& lengths) { return call_reverse(x, lengths); }

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("fill_steps(Tensor x, Tensor valid, float value) -> Tensor");
  library.def("reverse_steps(Tensor x, Tensor lengths) -> Tensor");
}
TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("fill_steps", &fill_cpu);
  library.impl("reverse_steps", &reverse_cpu);
}
TORCH_LIBRARY_IMPL(longwave, CompositeExplicitAutograd, library) {
  library.impl("fill_steps", &fill_composed);
  library.impl("reverse_steps", &reverse_composed);
}
TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("fill_steps", &fill_meta);
  library.impl("reverse_steps", &reverse_meta);
}
TORCH_LIBRARY_IMPL(longwave, Autograd, library) {
  library.impl("fill_steps", &fill_autograd);
  library.impl("reverse_steps", &reverse_autograd);
}

}  // namespace longwave::ops
