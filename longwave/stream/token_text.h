#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace longwave {

/// Text into the tokens of a language model and back, by the names of its tokens. Names of one character each (or an
/// escape: \n, \t, \xNN for a byte) make text of characters, anything else makes words parted by spaces, where "<eos>"
/// ends a line.
class TokenText {
 public:
  explicit TokenText(const std::vector<std::string>& names);

  /// UserError naming the first word or character that the model does not know (words: "<unk>" stands for them where
  /// there is one).
  std::vector<std::int32_t> encode(std::string_view text) const;

  /// What a token adds to a text; `first`: nothing stands before it on its line.
  std::string piece(std::int32_t token, bool first) const;

  /// The text of all tokens.
  std::string decode(const std::vector<std::int32_t>& tokens) const;

  /// The token that a text without a prompt begins behind: the end of a line, or token 0 where there is none.
  std::int32_t start() const { return start_; }

 private:
  std::vector<std::int32_t> encode_words(std::string_view text) const;
  std::int32_t word(std::string_view text) const;

  bool words_ = false;
  std::int32_t start_ = 0;
  std::vector<std::string> pieces_;
  std::unordered_map<std::string, std::int32_t> numbers_;
};

}  // namespace longwave
