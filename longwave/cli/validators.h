#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
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

/// A seed: a whole number that fits. CLI11 takes a larger one as the largest, so that different seeds would be one.
inline CLI::Validator seed_number() {
  const auto check = [](std::string& text) {
    std::int64_t seed = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seed);
    const bool good = error == std::errc() && stop == end && seed >= 0;
    return good ? std::string()
                : fmt::format("is {}; expected a whole number from 0 to {}", text,
                              std::numeric_limits<std::int64_t>::max());
  };
  return {check, ">= 0"};
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
