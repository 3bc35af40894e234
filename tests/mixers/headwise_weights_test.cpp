// Layers with weights under the names of the reference programs, in their layouts, against the equations of these
// programs written out step by step.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

using at::Tensor;

constexpr std::int64_t kHeads = 2, kWidth = 5, kSteps = 9, kD = kHeads * kWidth;

Tensor numbers(at::IntArrayRef sizes) { return (0.4 * at::randn(sizes, at::kDouble)).requires_grad_(); }

std::shared_ptr<SequenceMixer> make(const std::string& name, const Json& settings, std::int64_t d = kD) {
  const auto& info = find_mixer(name);
  const auto mixer = info.make({d, kSteps}, info.resolve(settings_from_json(settings, "test"), "mixer", false), 3);
  mixer->to(at::kDouble);
  mixer->eval();
  return mixer;
}

/// What a layer gives for x [t, d] once it has imported these weights, each through its gradient graph.
Tensor imported_layer(const std::string& name, const Json& settings, const TensorMap& weights, const Tensor& x) {
  const auto mixer = make(name, settings);
  const auto own = mixer->import_reference(weights);
  for (const auto& [key, value] : own) EXPECT_TRUE(value.requires_grad()) << key;
  mixer->load(own, "test");
  const at::NoGradGuard no_grad;
  return mixer->forward(x.unsqueeze(0))[0];
}

/// A map of each head [heads, out, in] of a vector [d], as [heads, out].
Tensor headwise(const Tensor& weight, const Tensor& x) {
  return at::matmul(weight, x.view({kHeads, kWidth, 1})).squeeze(-1);
}
/// The norm of each head [heads, p].
Tensor normed(const Tensor& h) {
  const auto centred = h - h.mean(1, true);
  return centred / at::sqrt(centred.square().mean(1, true) + 1e-5);
}
void expect_near(const Tensor& actual, const std::vector<Tensor>& steps) {
  const auto expected = at::stack(steps).flatten(1);
  EXPECT_GT(expected.abs().max().item<double>(), 1e-2);
  EXPECT_LT((actual - expected).abs().max().item<double>(), 1e-12);
}

TensorMap layer_of_xlstm() {
  TensorMap weights;
  for (const std::string gate : {"igate", "fgate", "zgate", "ogate"})
    weights[gate + ".weight"] = numbers({kHeads, kWidth, kWidth});
  weights["conv1d.conv.weight"] = numbers({kD, 1, 4});
  weights["conv1d.conv.bias"] = numbers({kD});
  weights["group_norm.weight"] = numbers({kD});
  weights["slstm_cell._bias_"] = numbers({4 * kD});
  return weights;
}

/// The layer of xLSTM around the cells `function`. recurrent(h): R h [heads, 4, p] and bias [heads, 4, p] of h [heads,
/// p].
std::vector<Tensor> run_xlstm(const TensorMap& w, const Tensor& x, const std::string& function,
                              const std::function<Tensor(const Tensor&)>& recurrent) {
  std::vector<Tensor> y;
  const auto zeros = at::zeros({kHeads, kWidth}, at::kDouble);
  auto h = zeros, c = zeros, n = zeros, m = zeros;
  for (std::int64_t t = 0; t < kSteps; ++t) {
    auto smooth = w.at("conv1d.conv.bias").clone();
    for (std::int64_t lag = 0; lag < 4 && lag <= t; ++lag)
      smooth = smooth + w.at("conv1d.conv.weight").select(2, 3 - lag).squeeze(1) * x[t - lag];
    smooth = smooth * at::sigmoid(smooth);
    const auto added = recurrent(h);
    const auto gate = [&](std::int64_t place, const std::string& name, const Tensor& in) {
      return headwise(w.at(name + ".weight"), in) + added.select(1, place);
    };
    // The layer gives the cell what fgate makes as i, and what igate makes as f.
    const auto i = gate(0, "fgate", smooth), f = gate(1, "igate", smooth), z = gate(2, "zgate", x[t]),
               o = gate(3, "ogate", x[t]);
    if (function == "lstm") {
      c = at::sigmoid(f) * c + at::sigmoid(i) * at::tanh(z);
      h = at::sigmoid(o) * at::tanh(c);
    } else {
      const auto log_forget = at::log(at::sigmoid(f)) + m;
      m = t == 0 ? i : at::maximum(i, log_forget);
      c = at::exp(log_forget - m) * c + at::exp(i - m) * at::tanh(z);
      n = at::exp(log_forget - m) * n + at::exp(i - m);
      h = at::sigmoid(o) * c / n;
    }
    y.push_back(normed(h).flatten() * (1 + w.at("group_norm.weight")));
  }
  return y;
}

TEST(HeadwiseWeights, LayerOfXlstm) {
  at::manual_seed(5);
  const auto x = at::randn({kSteps, kD}, at::kDouble);
  for (const std::string function : {"slstm", "lstm"})
    for (const std::string program : {"vanilla", "cuda"}) {
      SCOPED_TRACE(function + " " + program);
      auto w = layer_of_xlstm();
      const bool vanilla = program == "vanilla";
      const auto r = w["slstm_cell._recurrent_kernel_"] =
          vanilla ? numbers({kHeads, 4 * kWidth, kWidth}) : numbers({kHeads, kWidth, 4 * kWidth});
      const auto b = w["slstm_cell._bias_"];
      const auto recurrent = [&](const Tensor& h) {
        if (vanilla) return headwise(r, h).view({kHeads, 4, kWidth}) + b.view({4, kHeads, kWidth}).transpose(0, 1);
        return at::matmul(h.unsqueeze(1), r).view({kHeads, 4, kWidth}) + b.view({kHeads, 4, kWidth});
      };
      const at::NoGradGuard no_grad;
      const auto expected = run_xlstm(w, x, function, recurrent);
      const at::AutoGradMode with_gradients(true);
      expect_near(
          imported_layer(function == "slstm" ? "slstm" : "flashrnn_lstm", {{"heads", kHeads}, {"conv", 4}}, w, x),
          expected);
    }
}

/// One step of FlashRNN's cells with wx [gates, heads, p], rh like it and b [biases, heads, p]; state h, c.
void step(const std::string& cell, const Tensor& wx, const Tensor& rh, const Tensor& b, Tensor& h, Tensor& c) {
  if (cell == "flashrnn_elman") {
    h = at::tanh(wx[0] + rh[0] + b[0]);
  } else if (cell == "flashrnn_lstm") {
    const auto pre = wx + rh + b;
    c = at::sigmoid(pre[1]) * c + at::sigmoid(pre[0]) * at::tanh(pre[2]);
    h = at::sigmoid(pre[3]) * at::tanh(c);
  } else {  // the GRU's recurrent gates are g, r, z, those of the input r, z, n, its biases g, r, z, n
    const auto g = rh[0] + b[0], r = at::sigmoid(wx[0] + rh[1] + b[1]), z = at::sigmoid(wx[1] + rh[2] + b[2]),
               n = wx[2] + b[3];
    h = z * h + (1 - z) * at::tanh(n + r * g);
  }
}

TEST(HeadwiseWeights, CellsOfFlashRnn) {
  const std::map<std::string, std::vector<std::string>> gates_of = {
      {"flashrnn_elman", {"gate"}},
      {"flashrnn_lstm", {"igate", "fgate", "zgate", "ogate"}},
      {"flashrnn_gru", {"rgate", "zgate", "ngate"}}};
  at::manual_seed(6);
  const auto x = at::randn({kSteps, kD}, at::kDouble);
  for (const auto& [cell, names] : gates_of)
    for (const bool gates_first : {true, false}) {
      SCOPED_TRACE(cell + (gates_first ? " [gates, heads, to, from]" : " [heads, from, gates, to]"));
      const auto gates = static_cast<std::int64_t>(names.size());
      TensorMap w;
      for (const auto& name : names) w[name + "_weight"] = numbers({kHeads, kWidth, kWidth});
      w["norm_weight"] = numbers({kD});
      const auto r = w["R"] =
          gates_first ? numbers({gates, kHeads, kWidth, kWidth}) : numbers({kHeads, kWidth, gates, kWidth});
      const auto b = w["b"] = numbers({gates == 1 ? 1 : 4, kHeads, kWidth});
      std::vector<Tensor> expected;
      {
        const at::NoGradGuard no_grad;
        auto h = at::zeros({kHeads, kWidth}, at::kDouble), c = h;
        for (std::int64_t t = 0; t < kSteps; ++t) {
          std::vector<Tensor> wx;
          for (const auto& name : names) wx.push_back(headwise(w.at(name + "_weight"), x[t]));
          step(cell, at::stack(wx), at::einsum(gates_first ? "ghdp,hp->ghd" : "hpgd,hp->ghd", {r, h}), b, h, c);
          expected.push_back(normed(h).flatten() * w.at("norm_weight"));
        }
      }
      expect_near(imported_layer(cell, {{"heads", kHeads}}, w, x), expected);
    }
}

TEST(HeadwiseWeights, SizesThatDoNotTellTheLayout) {
  const auto mixer = make("slstm", {{"heads", 4}}, 16);
  try {
    mixer->import_reference({{"R", at::zeros({4, 4, 4, 4})}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "slstm: R is [4, 4, 4, 4], which may be [gates, heads, to, from] or [heads, from, gates, to]; "
                 "expected sizes that tell them apart, or the weights of this layer itself");
  }
}

TEST(HeadwiseWeights, OwnNamesStay) {
  for (const std::string name : {"flashrnn_elman", "flashrnn_lstm", "slstm"}) {
    const auto weights = make(name, {{"heads", kHeads}})->state();
    for (const auto& [key, value] : make(name, {{"heads", kHeads}})->import_reference(weights))
      EXPECT_TRUE(at::equal(value, weights.at(key))) << name << " " << key;
  }
}

}  // namespace
}  // namespace longwave
