#pragma once

#include <set>
#include <string>
#include <string_view>

namespace longwave {

/// The names in a list of Speech Commands: WORD/FILE.wav, one a line. UserError with `name` and line for anything else.
std::set<std::string> parse_clip_list(std::string_view text, const std::string& name);

}  // namespace longwave
