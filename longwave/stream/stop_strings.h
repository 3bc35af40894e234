#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace longwave {

/// Lets a growing text through up to the first of some strings. What may become the beginning of one is held back, so
/// that nothing is printed that should not be.
class StopStrings {
 public:
  /// UserError if one is empty.
  explicit StopStrings(std::vector<std::string> strings);

  /// Adds to the text; returns what may be printed now. After a stop: nothing.
  std::string push(std::string_view piece);
  /// The text ends here: what was held back.
  std::string finish();

  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> strings_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace longwave
