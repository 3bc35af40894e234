#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <numeric>

#include "bench/case_parts.h"
#include "bench/operator_cases.h"
#include "longwave/data/listops_generator.h"
#include "longwave/models/backbone.h"

namespace longwave::bench {
namespace {

using at::Tensor;

constexpr std::int64_t kWidth = 256, kLayers = 6, kBatch = 4, kExpressions = 32;

/// The body of a model of ListOps: bound by its matrices and, for each pair of steps and layer, by `pair_products` that
/// a mixer adds and an exponential for each of its `heads`.
struct Body {
  std::string mixer;
  Json settings;
  std::string channel;
  double pair_products = 0;
  std::int64_t heads = 0;

  std::shared_ptr<Backbone> make(std::int64_t l_max) const {
    BackboneConfig config{.mixer = mixer, .mixer_settings = settings, .channel = channel};
    config.d_model = kWidth, config.layers = kLayers, config.l_max = l_max, config.norm = "layer";
    return std::make_shared<Backbone>(config, 1);
  }

  /// Of a batch of b rows of t steps each.
  void add_work(Case& c, const Backbone& model, std::int64_t b, std::int64_t t) const {
    add_products(c, b * t, matrix_weights(model) + kLayers * pair_products * static_cast<double>(t));
    if (heads > 0) add_scores(c, b * kLayers * heads * t * t);
  }
};

/// As published for ListOps: a gated map of the features behind every kernel, no MLP. The recurrence of its two pairs
/// of poles is next to nothing beside that map.
Body s4d() {
  return {.mixer = "s4_block",
          .settings = {{"mode", "diag"}, {"d_state", 4}, {"n_ssm", 1}, {"bidirectional", true}},
          .channel = "none"};
}

/// Products with the keys and the values of all steps.
Body transformer() {
  return {.mixer = "attention",
          .settings = {{"causal", false}, {"rotary", "none"}, {"bias", false}},
          .channel = "mlp",
          .pair_products = 2 * kWidth,
          .heads = 4};
}

/// At the longest length of the task, all rows alike.
Case longest(const Body& body) {
  const std::int64_t t = 2000;
  Case c{.sizes = fmt::format("b{} t{} d{}", kBatch, t, kWidth), .target = 4};
  const auto model = body.make(t);
  const auto x = leaf(c, "x", at::randn({kBatch, t, kWidth}));
  for (const auto& parameter : model->named_parameters()) c.leaves[parameter.key()] = parameter.value();
  c.forward = [=]() -> Tensors { return {model->forward(x)}; };
  body.add_work(c, *model, kBatch, t);
  return c;
}

/// Forward and backward of expressions of their own lengths, in batches of similar length as the trainer makes them;
/// gives the mean over real steps of each and the gradients of all weights.
Case expressions(const Body& body) {
  const auto trees = generate_listops({}, kExpressions, 1);
  std::vector<std::int64_t> lengths, order(kExpressions);
  for (std::int64_t i = 0; i < kExpressions; ++i) lengths.push_back(std::ssize(trees.at(i)));
  std::iota(order.begin(), order.end(), 0);
  const auto length_of = [&](std::int64_t i) { return lengths[static_cast<std::size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return length_of(a) < length_of(b); });
  const auto [shortest, longest] = std::minmax_element(lengths.begin(), lengths.end());

  Case c{.sizes = fmt::format("{} in b{} t{}-{}", kExpressions, kBatch, *shortest, *longest), .target = 4};
  const auto model = body.make(*longest);
  TensorMap weights;
  for (const auto& parameter : model->named_parameters()) weights[parameter.key()] = parameter.value();
  for (const auto& [name, weight] : weights) c.leaves[name] = weight.detach();
  const auto x = constant(c, "x", at::randn({kExpressions, *longest, kWidth})),
             dy = constant(c, "dy", at::randn({kExpressions, kWidth}));
  const auto all_lengths = at::tensor(lengths), in_order = at::tensor(order);
  constant(c, "lengths", all_lengths);
  c.forward = [=] {
    const at::AutoGradMode with_gradients(true);
    for (const auto& [name, weight] : weights) weight.mutable_grad() = Tensor();
    Tensors out{at::empty_like(dy)};
    for (const auto& rows : in_order.split(kBatch)) {
      const auto own = all_lengths.index_select(0, rows);
      const auto y = model->forward(x.index_select(0, rows).narrow(1, 0, own.max().item<std::int64_t>()), own);
      const auto mean = y.sum(1) / own.unsqueeze(1);
      torch::autograd::backward({mean}, {dy.index_select(0, rows)});
      out[0].index_copy_(0, rows, mean.detach());
    }
    for (const auto& [name, weight] : weights) out.push_back(weight.grad());
    return out;
  };
  Case both;
  for (const auto& rows : in_order.split(kBatch))
    body.add_work(both, *model, kBatch, all_lengths.index_select(0, rows).sum().item<std::int64_t>() / kBatch);
  for (const auto& [bound, work] : both.work) c.work[bound].forward = work.both;
  return c;
}

}  // namespace

std::vector<NamedCase> listops_cases() {
  const auto of_s4d = [] { return expressions(s4d()); };
  const auto of_transformer = [] { return expressions(transformer()); };
  return {{"s4d_stack", [] { return longest(s4d()); }},
          {"transformer_stack", [] { return longest(transformer()); }},
          // The other side in batches as drawn, and in ours.
          {"s4d_listops", of_s4d},
          {"s4d_listops_by_length", of_s4d},
          {"transformer_listops", of_transformer},
          {"transformer_listops_by_length", of_transformer}};
}

}  // namespace longwave::bench
