// Tensors where an operator cannot run get one line, whichever operator it is.

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "longwave/ops/rms_norm.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using Arguments = std::vector<c10::IValue>;

c10::OperatorHandle find(const std::string& name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(("longwave::" + name).c_str(), "");
}
void call(const std::string& name, Arguments stack) { find(name).callBoxed(stack); }

/// As if the tensors were on a graphics card, which this machine need not have.
void call_on_cuda(const std::string& name, Arguments stack) {
  find(name).redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CUDA), &stack);
}

at::Tensor on_cpu(at::IntArrayRef sizes) { return at::randn(sizes); }
at::Tensor on_meta(at::IntArrayRef sizes) { return at::empty(sizes, at::TensorOptions().device(at::kMeta)); }

TEST(Devices, EveryOperatorRunsThereOrSaysWhereItDoes) {
  std::size_t refusing = 0, anywhere = 0;
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames()) {
    if (!name.name.starts_with("longwave::")) continue;
    const auto op = c10::Dispatcher::singleton().findSchema(name);
    ASSERT_TRUE(op.has_value()) << name.name << " is named in ops/devices.cpp, but there is no such operator";
    const bool composed = op->hasKernelForDispatchKey(c10::DispatchKey::CompositeExplicitAutograd);
    EXPECT_NE(op->hasKernelForDispatchKey(c10::DispatchKey::CUDA), composed)
        << name.name << (composed ? " runs anywhere" : " does not") << "; see ops/devices.cpp";
    EXPECT_NE(op->hasKernelForDispatchKey(c10::DispatchKey::AutogradMeta), composed) << name.name;
    ++(composed ? anywhere : refusing);
  }
  EXPECT_EQ(anywhere, 3);
  EXPECT_GT(refusing, 50);
}

TEST(Devices, TensorsElsewhereGetOneLine) {
  const auto a = on_meta({1, 3, 4}), b = on_cpu({1, 3, 4}), none = at::empty({0});
  testing::expect_error(
      [&] {
        call_on_cuda("linear_scan", {a, a, a});
      },
      "linear_scan: a is on meta; expected cpu, the only device that this operator runs on so far");
  testing::expect_error(
      [&] {
        call_on_cuda("linear_scan", {a, b, none});
      },
      "linear_scan: u is on cpu, a on meta; expected all on one device");
  testing::expect_error(
      [&] {
        call_on_cuda("grad_norm", {std::vector<at::Tensor>{a, b}});
      },
      "grad_norm: grads[1] is on cpu, grads[0] on meta; expected all on one device");
  testing::expect_error([&] { call_on_cuda("grad_norm", {std::vector<at::Tensor>{}}); },
                        "grad_norm: inputs without numbers are not on cpu; expected cpu, the only device that this "
                        "operator runs on so far");
}

TEST(Devices, WhatIsLeftOutMayBeElsewhere) { call("gated_linear_unit", {on_meta({3, 4}), at::empty({0})}); }

TEST(Devices, NumbersBesideNoneAreRefused) {
  const auto x = on_cpu({2, 4}), weight = on_meta({4});
  const std::string message = "rms_norm: weight is on meta, x on cpu; expected all on one device";
  for (const bool gradient : {false, true}) {
    const at::AutoGradMode mode(gradient);
    testing::expect_error([&] { call("rms_norm", {x, weight, 1e-5}); }, message);
  }
  testing::expect_error(
      [&] {
        call("rms_norm_grad", {x, x, weight, 1e-5});
      },
      "rms_norm_grad: weight is on meta, dy on cpu; expected all on one device");
}

TEST(Devices, SizesAloneStillHaveGradients) {
  const auto x = on_meta({2, 4}).requires_grad_();
  const auto y = ops::rms_norm(x, on_meta({4}));
  EXPECT_TRUE(y.is_meta() && y.requires_grad());
  y.backward(on_meta({2, 4}));
  EXPECT_EQ(x.grad().sizes(), x.sizes());
}

}  // namespace
}  // namespace longwave
