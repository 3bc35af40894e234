#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

/// An array of unsigned bytes, row-major.
struct IdxArray {
  std::vector<std::int64_t> shape;
  std::string values;
};

/// The array of an IDX file of unsigned bytes (magic 2049 for labels, 2051 for images, as MNIST has them), plain, .gz
/// or .xz. UserError if the magic is another, the file is cut short or longer than its header says.
IdxArray read_idx(const std::filesystem::path& path);

/// The same from unpacked bytes in memory; `name` stands for the path in messages.
IdxArray parse_idx(std::string bytes, const std::string& name);

}  // namespace longwave
