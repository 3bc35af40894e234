#pragma once

#include <cstdint>
#include <vector>

#include "longwave/models/language_model.h"

namespace longwave {

/// A language model and where it stands in one or several sequences. It keeps the state of the layers and no tokens:
/// its memory does not grow with what was read (but for mixers whose state does, as attention's).
class Session {
 public:
  /// `model` is in evaluation mode and outlives the session. UserError if its mixer does not stream.
  explicit Session(LanguageModel& model, std::int64_t rows = 1);

  /// Reads tokens [rows, t] int64, t > 0, and returns the logits of what follows the last, [rows, vocabulary]. How the
  /// tokens are cut into calls does not matter.
  at::Tensor feed(const at::Tensor& tokens);
  /// The same for one row of tokens.
  at::Tensor feed(const std::vector<std::int32_t>& tokens);

  /// How many of the present threads a step of so many tokens gains from: waking one costs more than it saves in a
  /// small model. For a program that does nothing but step; changing the number costs more than a step.
  int useful_threads(std::int64_t tokens = 1) const;

  /// Goes on with these rows of the present ones, in this order; a row may be taken more than once.
  void select(const std::vector<std::int64_t>& rows);

 private:
  LanguageModel& model_;
  State state_;
};

}  // namespace longwave
