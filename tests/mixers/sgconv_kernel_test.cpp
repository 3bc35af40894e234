// Of SGConv's kernels only the taps that a sequence reaches are made.

#include <gtest/gtest.h>

#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

TEST(SgconvKernel, ItsBeginningIsThatOfTheWhole) {
  const auto& info = find_mixer("sgconv");
  for (const std::string mode : {"cat_randn", "cat_randn_nearest", "sum_randn_linear", "sum_randn_nearest_learnable"})
    for (const int init_scale : {0, 2}) {
      const Json settings{{"mode", mode}, {"kernel_dim", 2}, {"init_scale", init_scale}};
      const auto mixer = info.make({3, 64}, info.resolve(settings_from_json(settings, "test"), "mixer", true), 7);
      mixer->to(at::kDouble);
      mixer->eval();
      at::manual_seed(1);
      const auto x = at::randn({2, 64, 3}, at::kDouble);
      // Gradients of the first t outputs, from a sequence of so many steps.
      const auto gradients = [&](std::int64_t steps, std::int64_t t) {
        mixer->zero_grad();
        mixer->forward(x.narrow(1, 0, steps)).narrow(1, 0, t).square().sum().backward();
        TensorMap all;
        for (const auto& item : mixer->named_parameters())
          if (item.value().grad().defined()) all[item.key()] = item.value().grad().clone();
        return all;
      };
      for (std::int64_t t = 1; t < 64; ++t) {
        const auto whole = gradients(64, t), part = gradients(t, t);
        ASSERT_EQ(part.size(), whole.size()) << mode << " " << t;
        for (const auto& [name, gradient] : whole)
          EXPECT_TRUE(at::allclose(part.at(name), gradient, 1e-9, 1e-9)) << mode << " " << t << ", " << name;
      }
    }
}

}  // namespace
}  // namespace longwave
