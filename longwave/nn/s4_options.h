#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "longwave/base/fields.h"

namespace longwave {

/// What the layers of the S4 family are made of.
struct S4Options {
  std::string mixer = "s4";   // whose options they are: begins what it says of them
  std::string mode = "dplr";  // "dplr": diagonal plus low rank; "diag": diagonal
  std::string init = "legs";  // dplr: legs, legt, fourier; diag: diag-lin, diag-inv, diag-legs, diag-real, ...
  std::string disc = "zoh";   // diag: zoh, bilinear (dplr is always bilinear)
  std::int64_t d = 0;         // features h
  std::int64_t d_state = 64;  // states n of a feature, in conjugate pairs
  std::int64_t n_ssm = 0;     // independent copies of (A, B); feature h uses copy h mod n_ssm; 0: one per feature
  std::int64_t channels = 1;  // outputs of a feature
  bool bidirectional = false;
  bool dt_tie = true;     // one step size a feature, or one a state
  std::int64_t rank = 0;  // dplr: of the low-rank part, rows of zeros added to what init needs; 0: that
  double dt_min = 0.001, dt_max = 0.1;
  std::string dt_transform = "exp";                             // from the stored step size: positive_transforms()
  std::string real_transform = "exp", imag_transform = "none";  // likewise from the stored parts of the poles, negated
  bool is_real = false;  // diag: d_state real states without partners instead of conjugate pairs
  double bandlimit = 0;  // diag: states of a frequency dt |Im A| / (2 pi) at or above half of it are left out; 0: none
  std::int64_t l_max = 0;   // dplr: length that the output vector is stored for; 0: C itself is stored
  bool cut_kernel = false;  // kernels end after l_max steps, as in the reference; otherwise they go on
};

/// From a parameter to a positive number: itself, e^x, max(x, 0) + 1e-4, the logistic function, log(1 + e^x).
inline const std::vector<std::string>& positive_transforms() {
  static const std::vector<std::string> names = {"none", "exp", "relu", "sigmoid", "softplus"};
  return names;
}

/// Initial poles of low-rank models (S4) and of diagonal ones (S4D).
inline std::vector<std::string> low_rank_starts() { return {"legs", "legt", "fourier"}; }
inline std::vector<std::string> diagonal_starts() {
  return {"diag-lin", "diag-inv", "diag-legs", "diag-real", "diag-quad", "diag-random"};
}

/// Adds the fields of the state-space model to those of a Config derived from S4Options, for models with these starts;
/// what only low-rank or only diagonal models have goes with their starts.
template <class Config>
void add_state_space_fields(FieldTable<Config>& table, const std::vector<std::string>& starts) {
  const auto add = [&]<class T>(const char* name, T S4Options::*member, const char* help, Rule<T> rule = {}) {
    table.add(name, static_cast<T Config::*>(member), help, rule);
  };
  const auto has = [&](const char* start) { return std::find(starts.begin(), starts.end(), start) != starts.end(); };
  add("init", &S4Options::init, "initial poles", one_of(starts));
  add("d_state", &S4Options::d_state, "states of a feature", between<std::int64_t>(2, 2048));
  add("n_ssm", &S4Options::n_ssm, "independent copies of the poles, shared by features; 0: one each",
      at_least<std::int64_t>(0));
  add("channels", &S4Options::channels, "outputs of a feature", at_least<std::int64_t>(1));
  add("bidirectional", &S4Options::bidirectional, "second kernel that weighs later steps");
  add("dt_tie", &S4Options::dt_tie, "one step size a feature; false: one a state");
  if (has("legs"))
    add("rank", &S4Options::rank, "low-rank models: rank of that part, at least what init needs; 0: that",
        between<std::int64_t>(0, 4));
  add("dt_min", &S4Options::dt_min, "smallest initial step size");
  add("dt_max", &S4Options::dt_max, "largest initial step size");
  add("dt_transform", &S4Options::dt_transform, "from parameter to step size", one_of(positive_transforms()));
  add("real_transform", &S4Options::real_transform, "from parameter to decay of a pole", one_of(positive_transforms()));
  add("imag_transform", &S4Options::imag_transform, "from parameter to frequency of a pole",
      one_of(positive_transforms()));
  if (has("diag-lin")) {
    add("is_real", &S4Options::is_real, "diagonal models: real poles and states, d_state of them");
    add("disc", &S4Options::disc, "discretisation of diagonal models", one_of({"zoh", "bilinear"}));
    add("bandlimit", &S4Options::bandlimit, "diagonal models: states beyond half this frequency are left out; 0: none",
        at_least<double>(0));
  }
  add("l_max", &S4Options::l_max,
      "longest sequence, which low-rank models store their output vector for; 0: the model's",
      at_least<std::int64_t>(0));
  add("cut_kernel", &S4Options::cut_kernel,
      "kernels end after l_max steps, as in the reference; otherwise longer sequences have longer kernels");
}

}  // namespace longwave
