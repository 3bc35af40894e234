#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace longwave {

/// Option values of at least `least`. CLI11's own checks print the largest double as the other end of the range.
inline CLI::Validator not_below(double least) {
  const auto check = [least](std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    const bool good = end != text.c_str() && *end == '\0' && value >= least;
    return good ? std::string() : fmt::format("is {}; expected at least {}", text, least);
  };
  return {check, fmt::format(">= {}", least)};
}

/// A folder that is there.
inline CLI::Validator existing_folder() {
  const auto check = [](std::string& text) {
    std::error_code ignored;
    const bool good = std::filesystem::is_directory(text, ignored);
    return good ? std::string() : fmt::format("is '{}'; expected a folder that is there", text);
  };
  return {check, ""};
}

}  // namespace longwave
