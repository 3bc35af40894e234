#include "longwave/kernels/recurrent.h"

#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::ending_at;
using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

struct Given {
  bool ends;        // lengths and the gradient of the last state
  bool zero_state;  // what a cell starts with
  bool from_first;  // the recurrent matrix has the units of the step before innermost
  float clip = std::numeric_limits<float>::infinity();
  bool last_only = false;  // no gradient of y
};

/// `x` with its cell, sizes and direction; its tensors are made here.
Results recurrent_results(Recurrent<float> x, const Given& given, Form form) {
  const auto gates = gates_of(x.cell), states = states_of(x.cell), width = x.heads * x.p, steps = x.b * x.t;
  const auto lengths = given.ends ? testing::some_lengths(x.b, x.t) : std::vector(static_cast<std::size_t>(x.b), x.t);
  Random random;
  const std::int64_t gap = given.ends ? 5 : 0;  // before the numbers of a step
  x.wx_step = gates * width + gap, x.wx_row = x.t * x.wx_step;
  const auto wx = ending_at(lengths, x.t, random.numbers(x.b * x.wx_row));
  const auto dy = ending_at(lengths, x.t, random.numbers(steps * width));
  const auto r = random.numbers(width * gates * x.p, 1 / std::sqrt(static_cast<double>(x.p)));
  const auto bias = random.numbers(biases_of(x.cell) * width), dlast = random.numbers(x.b * states * width);
  auto state = random.numbers(x.b * states * width, given.zero_state ? 0 : 1);
  for (std::int64_t i = 0; x.cell == Cell::slstm && !given.zero_state && i < x.b * states * width; ++i)
    if (i / width % states == 2) state[static_cast<std::size_t>(i)] = std::abs(state[static_cast<std::size_t>(i)]) + 1;
  x.wx = wx.data() + gap, x.r = r.data(), x.bias = bias.data(), x.state = state.data();
  x.r_head = gates * x.p * x.p, x.r_gate = given.from_first ? x.p * x.p : x.p;
  x.r_from = given.from_first ? 1 : gates * x.p, x.r_unit = given.from_first ? x.p : 1;
  x.lengths = given.ends ? lengths.data() : nullptr;

  auto y = unwritten(steps * width), alone = y, last = unwritten(x.b * states * width), last_alone = last;
  auto memory = unwritten(steps * (states - 1) * width), kept = unwritten(steps * kept_of(x.cell) * width);
  auto dwx = unwritten(steps * gates * width), drh = x.cell == Cell::gru ? dwx : Numbers(), dstate = last;
  const auto or_null = [](Numbers& numbers) { return numbers.empty() ? nullptr : numbers.data(); };
  const auto run = [&](const Recurrent<float>& of) {
    form == Form::reference ? recurrent_reference(of) : recurrent(of, Workspace(recurrent_workspace(of)));
  };
  x.y = alone.data(), x.last = last_alone.data();
  run(x);
  x.y = y.data(), x.last = last.data(), x.memory = or_null(memory), x.kept = or_null(kept);
  run(x);
  x.wx = x.bias = nullptr, x.last = nullptr;  // not read
  const RecurrentGrad<float> g{.forward = x,
                               .dy = given.last_only ? nullptr : dy.data(),
                               .dlast = given.ends ? dlast.data() : nullptr,
                               .clip = given.clip,
                               .dwx = dwx.data(),
                               .drh = drh.empty() ? dwx.data() : drh.data(),
                               .dstate = dstate.data()};
  form == Form::reference ? recurrent_grad_reference(g) : recurrent_grad(g, Workspace(recurrent_grad_workspace(g)));
  return {y, alone, last, last_alone, memory, kept, dwx, drh, dstate};
}

TEST(RecurrentKernel, MatchesTheReferenceOnEveryInstructionSet) {
  using enum Cell;
  for (const auto cell : {rnn_tanh, rnn_relu, lstm, gru, slstm})
    for (const auto& [b, t, heads, p] : std::vector<std::array<std::int64_t, 4>>{
             {1, 1, 1, 1}, {4, 5, 2, 7}, {50, 3, 1, 16}, {3, 6, 3, 33}, {7, 3, 1, 65}, {2, 2, 1, 130}})
      for (const bool reverse : {false, true})
        for (const auto& given : {Given{false, true, false}, Given{true, false, false}, Given{true, false, true, 0.3f},
                                  Given{true, true, true, 2, true}, Given{false, false, true, 0}}) {
          Recurrent<float> x{};
          x.cell = cell, x.b = b, x.t = t, x.heads = heads, x.p = p, x.reverse = reverse;
          testing::expect_matches_reference([&](Form form) { return recurrent_results(x, given, form); }, 3e-5,
                                            "cell " + std::to_string(static_cast<int>(cell)) + ", " +
                                                std::to_string(b) + " rows, " + std::to_string(p) + " units" +
                                                (reverse ? ", reverse" : ""));
        }
}

}  // namespace
}  // namespace longwave::kernels
