#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

/// An array of real numbers from NumPy, row-major.
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};

/// The array of that name from an .npz archive (a ZIP file of .npy members, stored or deflated; no Zip64), or the
/// array of an .npy file, whose name is not looked at. float32, float64 and integers, little-endian, C or Fortran
/// order. UserError if it is damaged, cut short, of another type, or has no such array (the names are listed). Format:
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
NpyArray read_npy(const std::filesystem::path& path, const std::string& array);

/// The same from bytes in memory; `name` stands for the path in messages.
NpyArray parse_npy(const std::string& bytes, const std::string& name, const std::string& array);

/// An array of text from NumPy (fixed-width Unicode or bytes), row-major.
struct NpyText {
  std::vector<std::int64_t> shape;
  std::vector<std::string> values;  // characters above 127 become '?'
};

/// The array of an .npy file whose bytes are in memory. UserError as for numbers.
NpyText parse_npy_text(const std::string& bytes, const std::string& name);

}  // namespace longwave
