#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longwave {

/// Reads images, one a line: grey levels 0 to 255 parted by spaces, row by row, all images square and of one `side` (0:
/// that of the first, which is left there). Appends the levels to `pixels` and returns the number of images. UserError
/// with `name` and line.
std::int64_t parse_pixel_text(std::string_view text, const std::string& name, std::int64_t& side, std::string& pixels);

/// The labels of such images, a number from 0 to 1000 in every line.
std::vector<std::int32_t> parse_label_text(std::string_view text, const std::string& name);

}  // namespace longwave
