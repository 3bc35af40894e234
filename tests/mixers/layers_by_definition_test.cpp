// Whole layers against their equations, written out step by step in plain double arithmetic: the fixtures of the
// reference programs cover only the operators of these.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double silu(double x) { return x * logistic(x); }
double softplus(double x) { return std::log1p(std::exp(x)); }

Vector apply(double (*f)(double), Vector x) {
  for (auto& value : x) value = f(value);
  return x;
}
Vector times(Vector a, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] *= b[i];
  return a;
}
Vector plus(Vector a, const Vector& b, double factor = 1) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += factor * b[i];
  return a;
}
double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
/// Head `head` of `heads` of a vector.
Vector part(const Vector& x, std::size_t head, std::size_t heads) {
  const auto width = static_cast<std::ptrdiff_t>(x.size() / heads), first = static_cast<std::ptrdiff_t>(head) * width;
  return {x.begin() + first, x.begin() + first + width};
}
void append(Vector& to, const Vector& x) { to.insert(to.end(), x.begin(), x.end()); }

/// x / sqrt(mean of squares + eps), or with the mean taken off first.
Vector normed(Vector x, double eps, bool centered) {
  double mean = 0, square = 0;
  for (const double value : x) mean += value / static_cast<double>(x.size());
  if (!centered) mean = 0;
  for (const double value : x) square += (value - mean) * (value - mean) / static_cast<double>(x.size());
  for (auto& value : x) value = (value - mean) / std::sqrt(square + eps);
  return x;
}
Vector unit(const Vector& x) { return plus(Vector(x.size()), x, 1 / std::sqrt(dot(x, x) + 1e-6)); }

/// S' q for S [k, v].
Vector read(const Matrix& s, const Vector& q) {
  Vector o(s[0].size());
  for (std::size_t i = 0; i < s.size(); ++i) o = plus(o, s[i], q[i]);
  return o;
}
void add_outer(Matrix& s, const Vector& k, const Vector& v) {
  for (std::size_t i = 0; i < s.size(); ++i) s[i] = plus(s[i], v, k[i]);
}

/// A mixer in double with weights far from their starting values, and what it gives for one random sequence.
struct Layer {
  std::shared_ptr<SequenceMixer> mixer;
  TensorMap weights;
  at::Tensor input;  // [1, t, d]
  Matrix x, y;       // [t, d]

  Layer(const std::string& name, const Json& settings, std::int64_t d, std::int64_t steps = 9) {
    const auto& info = find_mixer(name);
    mixer = info.make({d, steps}, info.resolve(settings_from_json(settings, "test"), "mixer", false), 3);
    mixer->to(at::kDouble);
    mixer->eval();
    const at::NoGradGuard no_grad;
    at::manual_seed(11);
    for (auto& item : mixer->named_parameters()) item.value().add_(0.3 * at::randn_like(item.value()));
    weights = mixer->state();
    input = at::randn({1, steps, d}, at::kDouble);
    x = rows(input[0]);
    y = rows(mixer->forward(input)[0]);
  }

  static Matrix rows(const at::Tensor& any) {
    const auto x = any.contiguous();
    const auto* data = x.data_ptr<double>();
    Matrix all;
    for (std::int64_t i = 0; i < x.size(0); ++i) all.emplace_back(data + i * x.size(1), data + (i + 1) * x.size(1));
    return all;
  }
  Vector vector(const std::string& name) const { return rows(weights.at(name).flatten().unsqueeze(0))[0]; }
  Matrix matrix(const std::string& name) const { return rows(weights.at(name)); }
  /// W x, and + b where there is one.
  Vector map(const std::string& name, const Vector& in) const {
    Vector out;
    for (const auto& row : matrix(name + ".weight")) out.push_back(dot(row, in));
    return weights.count(name + ".bias") ? plus(out, vector(name + ".bias")) : out;
  }
  /// A depthwise causal convolution of a sequence with taps [c, 1, n] or [c, n] (the last one is the present), and
  /// silu.
  Matrix convolved(const Matrix& in, const at::Tensor& taps, const Vector& bias = {}) const {
    const auto weight = rows(taps.flatten(1));
    Matrix out = in;
    for (std::size_t t = 0; t < in.size(); ++t)
      for (std::size_t c = 0; c < weight.size(); ++c) {
        double sum = bias.empty() ? 0 : bias[c];
        for (std::size_t i = 0; i < weight[c].size(); ++i)
          if (i <= t) sum += weight[c][weight[c].size() - 1 - i] * in[t - i][c];
        out[t][c] = silu(sum);
      }
    return out;
  }
  Vector step(std::size_t t) const { return x[t]; }

  void expect_outputs(const Matrix& expected) const {
    ASSERT_EQ(expected.size(), y.size());
    double largest = 0;
    for (std::size_t t = 0; t < y.size(); ++t)
      for (std::size_t i = 0; i < y[t].size(); ++i) {
        largest = std::max(largest, std::abs(y[t][i]));
        EXPECT_NEAR(y[t][i], expected[t][i], 1e-10) << "step " << t << ", channel " << i;
      }
    EXPECT_GT(largest, 1e-3);
  }
};

Matrix zeros(std::size_t k, std::size_t v) { return Matrix(k, Vector(v)); }

TEST(LayersByDefinition, LocalConvolution) {
  const Layer layer("conv", {{"kernel", 4}}, 5);
  Matrix y;
  for (const auto& u : layer.convolved(layer.x, layer.weights.at("conv.weight"), layer.vector("conv.bias")))
    y.push_back(layer.map("out", u));
  layer.expect_outputs(y);
}

double gelu_tanh(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

/// S5 and LRU with a gate against the same layer without one, whose outputs are y.
TEST(LayersByDefinition, GatesBehindTheStateSpace) {
  for (const std::string mixer : {"s5", "lru"})
    for (const std::string kind : {"gelu", "full_glu", "half_glu1", "half_glu2"}) {
      SCOPED_TRACE(mixer + " " + kind);
      const Layer layer(mixer, {{"activation", kind}}, 6);
      auto weights = layer.weights;
      std::erase_if(weights, [](const auto& item) { return item.first.starts_with("out"); });
      const Layer plain(mixer, Json::object(), 6);
      plain.mixer->load(weights, "test");
      const at::NoGradGuard no_grad;
      auto expected = Layer::rows(plain.mixer->forward(layer.input)[0]);
      for (auto& y : expected) {
        const auto u = apply(gelu_tanh, y);
        if (kind == "gelu") {
          y = u;
          continue;
        }
        const auto open = apply(logistic, layer.map("out2", u));
        y = times(kind == "half_glu2" ? y : kind == "full_glu" ? layer.map("out1", u) : u, open);
      }
      layer.expect_outputs(expected);
    }
}

TEST(LayersByDefinition, RetNet) {
  constexpr std::size_t kHeads = 3;
  const Layer layer("retnet", {{"heads", kHeads}}, 12);
  const std::size_t width = 12 / kHeads;
  const auto turned = [&](Vector v, std::size_t t) {  // pairs of neighbours by t 10000^-linspace(0, 1, k / 2)
    for (std::size_t i = 0; i < width / 2; ++i) {
      const double angle = static_cast<double>(t) * std::pow(10000.0, -static_cast<double>(i) / (width / 2.0 - 1));
      const double a = v[2 * i], b = v[2 * i + 1];
      v[2 * i] = a * std::cos(angle) - b * std::sin(angle);
      v[2 * i + 1] = a * std::sin(angle) + b * std::cos(angle);
    }
    return v;
  };
  std::vector<Matrix> s(kHeads, zeros(width, 2 * width));
  Matrix y;
  for (std::size_t t = 0; t < layer.x.size(); ++t) {
    const auto in = layer.step(t);
    Vector o;
    for (std::size_t h = 0; h < kHeads; ++h) {
      const auto q = turned(part(layer.map("q_proj", in), h, kHeads), t);
      const auto k = turned(part(layer.map("k_proj", in), h, kHeads), t);
      for (auto& row : s[h])
        for (auto& number : row) number *= 1 - std::pow(2.0, -5.0 - static_cast<double>(h));
      add_outer(s[h], k, part(layer.map("v_proj", in), h, kHeads));
      append(o, normed(plus(Vector(2 * width), read(s[h], q), 1 / std::sqrt(double(width))), 1e-6, false));
    }
    y.push_back(layer.map("out_proj", times(apply(silu, layer.map("g_proj", in)), o)));
  }
  layer.expect_outputs(y);
}

TEST(LayersByDefinition, GatedLinearAttention) {
  constexpr std::size_t kHeads = 2;
  const Layer layer("gla", {{"num_heads", kHeads}, {"use_short_conv", true}, {"gate_low_rank_dim", 3}}, 12);
  std::map<std::string, Matrix> parts;
  for (const std::string name : {"q", "k", "v"}) {
    for (const auto& in : layer.x) parts[name].push_back(layer.map(name + "_proj", in));
    parts[name] = layer.convolved(parts[name], layer.weights.at(name + "_conv1d.weight"));
  }
  std::vector<Matrix> s(kHeads, zeros(3, 6));
  Matrix y;
  for (std::size_t t = 0; t < layer.x.size(); ++t) {
    const auto in = layer.step(t), logits = layer.map("gk_proj.1", layer.map("gk_proj.0", in));
    Vector o;
    for (std::size_t h = 0; h < kHeads; ++h) {
      const auto logit = part(logits, h, kHeads);
      for (std::size_t i = 0; i < logit.size(); ++i)
        for (auto& number : s[h][i]) number *= std::exp(std::log(logistic(logit[i])) / 16);
      add_outer(s[h], part(parts["k"][t], h, kHeads), part(parts["v"][t], h, kHeads));
      const auto read_out = read(s[h], part(parts["q"][t], h, kHeads));
      append(o,
             times(normed(plus(Vector(6), read_out, 1 / std::sqrt(3.0)), 1e-5, false), layer.vector("g_norm.weight")));
    }
    y.push_back(layer.map("o_proj", times(o, apply(silu, layer.map("g_proj", in)))));
  }
  layer.expect_outputs(y);
}

TEST(LayersByDefinition, Rwkv4) {
  const Layer layer("rwkv4", {}, 6);
  const auto mixed = [&](const char* name, std::size_t t) {
    const auto share = layer.vector(name);
    Vector out = layer.x[t];
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = share[i] * out[i] + (1 - share[i]) * (t > 0 ? layer.x[t - 1][i] : 0);
    return out;
  };
  const auto decay = layer.vector("time_decay"), bonus = layer.vector("time_first");
  Matrix k, v, y;
  for (std::size_t t = 0; t < layer.x.size(); ++t) {
    k.push_back(layer.map("key", mixed("time_mix_k", t)));
    v.push_back(layer.map("value", mixed("time_mix_v", t)));
    Vector average;
    for (std::size_t c = 0; c < 6; ++c) {
      double sum = std::exp(bonus[c] + k[t][c]) * v[t][c], weights = std::exp(bonus[c] + k[t][c]);
      for (std::size_t i = 0; i < t; ++i) {
        const double weight = std::exp(-static_cast<double>(t - 1 - i) * std::exp(decay[c]) + k[i][c]);
        sum += weight * v[i][c], weights += weight;
      }
      average.push_back(sum / weights);
    }
    y.push_back(layer.map("output", times(apply(logistic, layer.map("receptance", mixed("time_mix_r", t))), average)));
  }
  layer.expect_outputs(y);
}

TEST(LayersByDefinition, Rwkv6) {
  constexpr std::size_t kWidth = 3, kHeads = 4, kRank = 4;
  const Layer layer("rwkv6", {{"head_size", kWidth}, {"mix_rank", kRank}, {"decay_rank", 5}}, 12);
  const auto columns = [](const Matrix& m, const Vector& in) {  // in' M
    Vector out(m[0].size());
    for (std::size_t i = 0; i < in.size(); ++i) out = plus(out, m[i], in[i]);
    return out;
  };
  const auto bonus = layer.matrix("time_faaaa");
  std::vector<Matrix> s(kHeads, zeros(kWidth, kWidth));
  Matrix y;
  for (std::size_t t = 0; t < layer.x.size(); ++t) {
    const auto& now = layer.x[t];
    const auto change = plus(t > 0 ? layer.x[t - 1] : Vector(now.size()), now, -1);
    const auto low =
        apply(std::tanh, columns(layer.matrix("time_maa_w1"), plus(now, times(change, layer.vector("time_maa_x")))));
    std::map<char, Vector> in;
    for (std::size_t i = 0; i < 5; ++i) {
      const char name = "wkvrg"[i];
      const auto share =
          columns(Layer::rows(layer.weights.at("time_maa_w2")[static_cast<std::int64_t>(i)]), part(low, i, 5));
      in[name] = plus(now, times(change, plus(layer.vector(std::string("time_maa_") + name), share)));
    }
    const auto d =
        plus(layer.vector("time_decay"),
             columns(layer.matrix("time_decay_w2"), apply(std::tanh, columns(layer.matrix("time_decay_w1"), in['w']))));
    Vector o;
    for (std::size_t h = 0; h < kHeads; ++h) {
      const auto r = part(layer.map("receptance", in['r']), h, kHeads), k = part(layer.map("key", in['k']), h, kHeads),
                 v = part(layer.map("value", in['v']), h, kHeads), rate = part(d, h, kHeads);
      auto with_bonus = s[h];
      add_outer(with_bonus, times(k, bonus[h]), v);
      append(o, normed(read(with_bonus, r), 64e-5, true));
      for (std::size_t i = 0; i < kWidth; ++i)
        for (auto& number : s[h][i]) number *= std::exp(-std::exp(rate[i]));
      add_outer(s[h], k, v);
    }
    o = plus(times(o, layer.vector("ln_x.weight")), layer.vector("ln_x.bias"));
    y.push_back(layer.map("output", times(o, apply(silu, layer.map("gate", in['g'])))));
  }
  layer.expect_outputs(y);
}

void expect_delta_net(const Layer& layer, std::size_t heads, std::size_t keys, std::size_t values, bool gated) {
  std::map<std::string, Matrix> parts;
  for (const std::string name : {"q", "k", "v"}) {
    for (const auto& in : layer.x) parts[name].push_back(layer.map(name + "_proj", in));
    parts[name] = layer.convolved(parts[name], layer.weights.at(name + "_conv1d.weight"));
  }
  std::vector<Matrix> s(heads, zeros(keys, values));
  Matrix y;
  for (std::size_t t = 0; t < layer.x.size(); ++t) {
    const auto in = layer.step(t), rate = layer.map("b_proj", in);
    Vector o;
    for (std::size_t h = 0; h < heads; ++h) {
      if (gated) {
        const double step = softplus(layer.map("a_proj", in)[h] + layer.vector("dt_bias")[h]);
        for (auto& row : s[h])
          for (auto& number : row) number *= std::exp(-std::exp(layer.vector("A_log")[h]) * step);
      }
      const auto q = unit(part(parts["q"][t], h, heads)), k = unit(part(parts["k"][t], h, heads));
      const auto error = plus(part(parts["v"][t], h, heads), read(s[h], k), -1);
      add_outer(s[h], plus(Vector(keys), k, logistic(rate[h])), error);
      const auto scaled = plus(Vector(values), read(s[h], q), 1 / std::sqrt(static_cast<double>(keys)));
      append(o, times(normed(scaled, 1e-5, false), layer.vector("o_norm.weight")));
    }
    if (gated) o = times(o, apply(silu, layer.map("g_proj", in)));
    y.push_back(layer.map("o_proj", o));
  }
  layer.expect_outputs(y);
}

TEST(LayersByDefinition, DeltaNet) { expect_delta_net(Layer("deltanet", {{"num_heads", 3}}, 12), 3, 4, 4, false); }

TEST(LayersByDefinition, GatedDeltaNet) {
  expect_delta_net(Layer("gated_deltanet", {{"num_heads", 3}}, 12), 3, 3, 6, true);
}

TEST(LayersByDefinition, Slstm) {
  constexpr std::size_t kHeads = 2, kWidth = 5;
  const Layer layer("slstm", {{"heads", kHeads}, {"recurrent_init", "normal"}}, 10);
  const auto smooth = layer.convolved(layer.x, layer.weights.at("conv_weight"), layer.vector("conv_bias"));
  const std::string gates[] = {"igate", "fgate", "zgate", "ogate"};
  const auto norm = layer.vector("norm_weight");
  std::vector<Vector> h(kHeads, Vector(kWidth)), c = h, n = h, m = h;
  Matrix y;
  for (std::size_t t = 0; t < layer.x.size(); ++t) {
    Vector out;
    for (std::size_t head = 0; head < kHeads; ++head) {
      const auto at_head = static_cast<std::int64_t>(head);
      Matrix pre;  // i, f, z, o
      for (std::int64_t g = 0; g < 4; ++g) {
        const auto in = part(g < 2 ? smooth[t] : layer.x[t], head, kHeads);
        const auto w = Layer::rows(layer.weights.at(gates[g] + "_weight")[at_head]);
        const auto r = Layer::rows(layer.weights.at("R")[at_head].select(1, g));  // [from, to]
        auto sum = Layer::rows(layer.weights.at("b")[g])[head];
        for (std::size_t i = 0; i < kWidth; ++i) sum[i] += dot(w[i], in), sum = plus(sum, r[i], h[head][i]);
        pre.push_back(sum);
      }
      for (std::size_t i = 0; i < kWidth; ++i) {
        const double log_forget = std::log(logistic(pre[1][i])) + m[head][i];
        const double largest = t == 0 ? pre[0][i] : std::max(pre[0][i], log_forget);
        const double enter = std::exp(pre[0][i] - largest), keep = std::exp(log_forget - largest);
        c[head][i] = keep * c[head][i] + enter * std::tanh(pre[2][i]);
        n[head][i] = std::max(keep * n[head][i] + enter, 1.0);
        m[head][i] = largest;
        h[head][i] = logistic(pre[3][i]) * c[head][i] / n[head][i];
      }
      append(out, normed(h[head], 1e-5, true));
    }
    y.push_back(times(out, norm));
  }
  layer.expect_outputs(y);
}

}  // namespace
}  // namespace longwave
