#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

/// Labelled images of 32 x 32 pixels in three planes (red, green, blue), each row by row.
struct CifarImages {
  static constexpr std::int64_t kBytes = 3 * 32 * 32;
  std::string pixels;                // [n, 3, 32, 32]
  std::vector<std::int32_t> labels;  // [n], 0 .. 9
};

/// Appends the images of one CIFAR-10 file: the binary form (any number of records of 3073 bytes, the label first) or
/// the pickled batch of the Python form, recognised by content; plain, .gz or .xz. UserError for a file that is cut
/// short, and for a label above 9 with its record.
void read_cifar(const std::filesystem::path& path, CifarImages& images);

/// The same from unpacked bytes in memory; `name` stands for the path in messages.
void parse_cifar(const std::string& bytes, const std::string& name, CifarImages& images);

}  // namespace longwave
