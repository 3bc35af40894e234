#include "longwave/models/flops.h"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "longwave/models/operator_flops.h"

namespace longwave {
namespace {

using Inputs = c10::ArrayRef<const c10::IValue>;

double size(const c10::IValue& value, std::int64_t axis) { return static_cast<double>(value.toTensor().size(axis)); }
double numel(const c10::IValue& value) { return static_cast<double>(value.toTensor().numel()); }

/// a [.., m, k] times b [.., k, n]: every number of a meets n columns.
double product(const c10::IValue& a, const c10::IValue& b) { return 2 * numel(a) * size(b, -1); }
double matrix_vector(const c10::IValue& a) { return 2 * numel(a); }

/// aten::convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
/// input [b, c_in, ...], weight [c_out, c_in / groups, kernel...].
double convolution(Inputs in) {
  const auto& x = in[0].toTensor();
  const auto& w = in[1].toTensor();
  const auto stride = in[3].toIntVector(), padding = in[4].toIntVector(), dilation = in[5].toIntVector();
  if (in[6].toBool()) return 2 * static_cast<double>(x.numel()) * static_cast<double>(w.numel()) / size(in[1], 0);
  double places = size(in[0], 0);
  for (std::int64_t axis = 2; axis < x.dim(); ++axis) {
    const auto i = static_cast<std::size_t>(axis - 2);  // a single number stands for all axes
    const auto pick = [&](const std::vector<std::int64_t>& v) { return v[std::min(i, v.size() - 1)]; };
    places *= static_cast<double>(
        (x.size(axis) + 2 * pick(padding) - pick(dilation) * (w.size(axis) - 1) - 1) / pick(stride) + 1);
  }
  return 2 * places * static_cast<double>(w.numel());
}

/// 5 n log2 n a complex transform of n points; half of it where one side is real. fft(x, axes, ...).
double transform(Inputs in, bool real, double points) {
  return (real ? 2.5 : 5.0) * points * std::log2(std::max(points, 2.0)) * numel(in[0]) /
         size(in[0], in[1].toIntVector().back());
}

/// ATen's operators and ours.
const std::map<std::string, FlopFormula>& formulas() {
  static const std::map<std::string, FlopFormula> table = [] {
    std::map<std::string, FlopFormula> all = {
        {"aten::mm", [](Inputs in) { return product(in[0], in[1]); }},
        {"aten::bmm", [](Inputs in) { return product(in[0], in[1]); }},
        {"aten::addmm", [](Inputs in) { return product(in[1], in[2]); }},
        {"aten::baddbmm", [](Inputs in) { return product(in[1], in[2]); }},
        {"aten::mv", [](Inputs in) { return matrix_vector(in[0]); }},
        {"aten::addmv", [](Inputs in) { return matrix_vector(in[1]); }},
        {"aten::dot", [](Inputs in) { return matrix_vector(in[0]); }},
        {"aten::convolution", convolution},
        {"aten::_fft_r2c", [](Inputs in) { return transform(in, true, size(in[0], in[1].toIntVector().back())); }},
        {"aten::_fft_c2c", [](Inputs in) { return transform(in, false, size(in[0], in[1].toIntVector().back())); }},
        {"aten::_fft_c2r", [](Inputs in) { return transform(in, true, static_cast<double>(in[3].toInt())); }},
    };
    all.insert(operator_flops().begin(), operator_flops().end());
    return all;
  }();
  return table;
}

/// What the callbacks add to. They run on the thread that called count_flops.
struct Counter {
  FlopCount count;
  int inside = 0;  // depth of operators that have a formula: what they call is already counted
};
thread_local Counter* counter = nullptr;

struct Entered final : at::ObserverContext {};

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& function) {
  const auto found = formulas().find(function.name());
  if (!counter || found == formulas().end()) {
    if (counter && counter->inside == 0 && std::string(function.name()).rfind("longwave::", 0) == 0)
      counter->count.unknown.insert(function.name());
    return nullptr;
  }
  if (counter->inside++ == 0) counter->count.flops += found->second(function.inputs());
  return std::make_unique<Entered>();
}

void leave(const at::RecordFunction&, at::ObserverContext* entered) {
  if (counter && entered) --counter->inside;
}

/// The callback for as long as it lives, also if the work throws.
class Observer {
 public:
  explicit Observer(Counter& own) : before_(counter) {
    counter = &own;
    handle_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback(enter, leave).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  }
  ~Observer() {
    at::removeCallback(handle_);
    counter = before_;
  }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

 private:
  Counter* before_;
  at::CallbackHandle handle_;
};

}  // namespace

FlopCount count_flops(const std::function<void()>& work) {
  Counter own;
  const Observer observer(own);
  work();
  return own.count;
}

}  // namespace longwave
