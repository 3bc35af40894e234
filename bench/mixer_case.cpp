// Times one operator or mixer at the sizes of its case, forward and forward + backward; compare_mixers.py holds it
// against the same in PyTorch.
//
// usage: mixer_case                   the names of all cases
//        mixer_case NAME[@STEPS]      one JSON line: median seconds of each pass, peak memory, work, target
//        mixer_case NAME[@STEPS] --save FILE  also writes inputs, weights and buffers ("in.*"), the outputs ("out.000"
//        and
//                                     on), the gradients that come to them ("d_out.*") and those of inputs and
//                                     weights ("grad.*"); without gradients what a step leaves of the inputs
//                                     ("after.*")

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "bench/cases.h"
#include "bench/measure.h"
#include "longwave/base/check.h"
#include "longwave/nn/tensor_file.h"

namespace longwave::bench {
namespace {

bool differentiable(const Case& c) {
  return std::any_of(c.leaves.begin(), c.leaves.end(), [](const auto& leaf) { return leaf.second.requires_grad(); });
}

void differentiate(const Case& c, const std::vector<at::Tensor>& d_out) {
  for (const auto& [name, leaf] : c.leaves) leaf.mutable_grad() = at::Tensor();
  torch::autograd::backward(c.forward(), d_out);
}

void save(const Case& c, const std::vector<at::Tensor>& d_out, const std::string& path) {
  TensorMap tensors;
  for (const auto& [name, leaf] : c.leaves) tensors["in." + name] = leaf.detach().clone();
  const auto out = c.forward();
  for (std::size_t i = 0; i < out.size(); ++i) tensors[fmt::format("out.{:03}", i)] = out[i].detach();
  if (differentiable(c)) {
    for (std::size_t i = 0; i < d_out.size(); ++i) tensors[fmt::format("d_out.{:03}", i)] = d_out[i];
    differentiate(c, d_out);
    for (const auto& [name, leaf] : c.leaves)
      if (leaf.grad().defined()) tensors["grad." + name] = leaf.grad();
  } else {
    for (const auto& [name, leaf] : c.leaves) tensors["after." + name] = leaf;
  }
  write_tensors(path, tensors);
}

int run(int count, char** words) {
  if (count == 1) {
    for (const auto& name : case_names()) fmt::print("{}\n", name);
    return 0;
  }
  at::manual_seed(1);
  const auto c = make_case(words[1]);
  const auto forward = [&] {
    const at::NoGradGuard no_grad;
    return c.forward();
  };
  std::vector<at::Tensor> d_out;
  for (const auto& out : forward()) d_out.push_back(at::randn(out.sizes()));
  const auto both = [&] { differentiate(c, d_out); };
  const bool with_gradient = differentiable(c);
  const auto peak = with_gradient ? peak_of(both) : peak_of(forward);  // also warms up
  auto record = machine_record();
  record["case"] = c.name;
  record["sizes"] = c.sizes;
  record["forward_seconds"] = median_seconds(0.5, forward);
  if (with_gradient) record["both_seconds"] = median_seconds(1, both);
  if (c.products) record["products_seconds"] = median_seconds(1, c.products);
  record["peak_bytes"] = peak.bytes;
  for (const auto& [bound, work] : c.work) record["work"][name_of(bound)] = {work.forward, work.both};
  record["target"] = c.target;
  if (count > 3 && std::string(words[2]) == "--save") save(c, d_out, words[3]);
  print(record);
  return 0;
}

}  // namespace
}  // namespace longwave::bench

int main(int count, char** words) { return longwave::bench::main_of(count, words, longwave::bench::run); }
