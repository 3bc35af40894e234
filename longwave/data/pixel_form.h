#pragma once

#include <string>

#include "longwave/base/fields.h"

namespace longwave {

/// How the grey levels of an image become steps: as a protocol of Long Range Arena has it, unless `encoding` differs.
/// The Configs of sets of images derive from it.
struct PixelForm {
  std::string protocol = "lra-strict", encoding = "protocol";

  bool is_tokens() const { return encoding == "tokens" || (encoding == "protocol" && has_tokens()); }

  /// What scores belong to: "lra-strict", or "lra-strict, tokens" where the steps are not the protocol's. The encoding
  /// alone moves scores on these sets by many points.
  std::string protocol_name() const {
    return is_tokens() == has_tokens() ? protocol : protocol + (is_tokens() ? ", tokens" : ", real");
  }

 private:
  bool has_tokens() const { return protocol == "lra-2020"; }
};

/// Adds the fields of PixelForm, a base of Config; `real` says what the numbers are.
template <class Config>
FieldTable<Config>& add_pixel_form_fields(FieldTable<Config>& table, const std::string& protocols,
                                          const std::string& real) {
  using Text = std::string Config::*;
  return table
      .add("protocol", static_cast<Text>(&Config::protocol), protocols, one_of({"lra-strict", "lra-s4", "lra-2020"}))
      .add("encoding", static_cast<Text>(&Config::encoding),
           "protocol: as that has it; real: " + real + "; tokens: one of 256 grey levels",
           one_of({"protocol", "real", "tokens"}));
}

}  // namespace longwave
