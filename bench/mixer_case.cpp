// Times one operator or mixer at the sizes of its case, forward and forward + backward; compare_mixers.py holds it
// against the same in PyTorch.
//
// usage: mixer_case                   the names of all cases
//        mixer_case NAME              one JSON line: median seconds of both passes, peak memory, work, target
//        mixer_case NAME --save FILE  also writes inputs, weights and buffers ("in.*"), the output ("out"), the
//        gradient
//                                     that comes to it ("d_out") and those of inputs and weights ("grad.*")

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench/cases.h"
#include "bench/measure.h"
#include "longwave/base/check.h"
#include "longwave/nn/tensor_file.h"

namespace longwave::bench {
namespace {

void differentiate(const Case& c, const at::Tensor& d_out) {
  for (const auto& [name, leaf] : c.leaves) leaf.mutable_grad() = at::Tensor();
  c.forward().backward(d_out);
}

void save(const Case& c, const at::Tensor& d_out, const std::string& path) {
  TensorMap tensors{{"d_out", d_out}, {"out", c.forward().detach()}};
  differentiate(c, d_out);
  for (const auto& [name, leaf] : c.leaves) {
    tensors["in." + name] = leaf.detach();
    if (leaf.grad().defined()) tensors["grad." + name] = leaf.grad();
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
  at::Tensor d_out;
  {
    const at::NoGradGuard no_grad;
    d_out = at::randn(c.forward().sizes());
  }
  const auto both = [&] { differentiate(c, d_out); };
  const auto peak = peak_of(both);  // also warms up
  auto record = machine_record();
  record["case"] = c.name;
  record["sizes"] = c.sizes;
  record["forward_seconds"] = median_seconds(0.5, [&] {
    const at::NoGradGuard no_grad;
    c.forward();
  });
  record["both_seconds"] = median_seconds(1, both);
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
