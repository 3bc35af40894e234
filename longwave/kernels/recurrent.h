#pragma once

#include <cstdint>

namespace longwave::kernels {

/// The recurrent cells. With p = W x (given), q = R h of the step before, b the biases:
///   rnn_tanh, rnn_relu   h = f(p + q + b)
///   lstm                 gates i, f, z, o: c = sigma(f) c + sigma(i) tanh(z), h = sigma(o) tanh(c)
///   gru                  gates r, z, n: n = tanh(p_n + b_n + sigma(r) (q_n + b_g)), h = sigma(z) h + (1 - sigma(z)) n;
///                        its four biases are b_r, b_z, b_n, b_g
///   slstm                gates i, f, z, o: l = log sigma(f) + m, m = max(i, l) (i in the first step, where n = 0),
///                        c = e^(l - m) c + e^(i - m) tanh(z), n = max(e^(l - m) n + e^(i - m), 1), h = sigma(o) c / n
enum class Cell : std::int64_t { rnn_tanh, rnn_relu, lstm, gru, slstm };

constexpr std::int64_t gates_of(Cell cell) { return cell <= Cell::rnn_relu ? 1 : cell == Cell::gru ? 3 : 4; }
constexpr std::int64_t biases_of(Cell cell) { return cell <= Cell::rnn_relu ? 1 : 4; }
/// Numbers that a unit remembers: h; (h, c) for the LSTM; (h, c, n, m) for the sLSTM.
constexpr std::int64_t states_of(Cell cell) { return cell == Cell::lstm ? 2 : cell == Cell::slstm ? 4 : 1; }
/// Numbers kept for backward: the LSTM's gates; r, z, n and q_n + b_g of the GRU; i and f before, z and o after their
/// functions of the sLSTM.
constexpr std::int64_t kept_of(Cell cell) { return cell <= Cell::rnn_relu ? 0 : 4; }

/// One layer in one direction over whole sequences, with a recurrent matrix for each of `heads` groups of `p` units.
/// Steps at or beyond a row's length change nothing; what is stored for them is zero.
template <class T>
struct Recurrent {
  Cell cell;
  std::int64_t b, t, heads, p;
  const T* wx;  // [b, t, gates, heads, p]; rows and steps lie wx_row and wx_step apart
  std::int64_t wx_row, wx_step;
  const T* r;  // from unit of the step before to gate and unit, of each head; strides, of which r_from or r_unit is 1:
  std::int64_t r_head, r_from, r_gate, r_unit;
  const T* bias;                // [biases, heads, p]
  const T* state;               // [b, states, heads, p] before the first step
  const std::int64_t* lengths;  // [b], or null: all are t
  bool reverse;                 // from the last step to the first
  T* y;                         // [b, t, heads, p]
  T* last;                      // [b, states, heads, p] after the last step
  T* memory;                    // [b, t, states - 1, heads, p], or null
  T* kept;                      // [b, t, kept, heads, p], or null
};

/// Gradients; `forward` has y, memory and kept of the forward pass (its wx, bias and last are not read).
template <class T>
struct RecurrentGrad {
  Recurrent<T> forward;
  const T* dy;     // like y, or null
  const T* dlast;  // like last, or null
  T clip;          // bound of |d h| that flows back through R; 0 cuts that path, infinity leaves it alone
  T* dwx;          // [b, t, gates, heads, p]
  T* drh;          // of R h, like dwx; the same memory except for the GRU
  T* dstate;       // like state
};

/// On all cores, vectors of units at a time, the recurrent matrices packed once a call. Rows are shared out among the
/// threads, which changes no bit: every number is computed in one order. `workspace`: as many floats as asked for.
std::int64_t recurrent_workspace(const Recurrent<float>& x);
void recurrent(const Recurrent<float>& x, float* workspace);
std::int64_t recurrent_grad_workspace(const RecurrentGrad<float>& g);
void recurrent_grad(const RecurrentGrad<float>& g, float* workspace);

/// The definition, one number at a time; float and double.
template <class T>
void recurrent_reference(const Recurrent<T>& x);
template <class T>
void recurrent_grad_reference(const RecurrentGrad<T>& g);

}  // namespace longwave::kernels
