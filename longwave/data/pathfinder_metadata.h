#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace longwave {

/// What the metadata of Pathfinder say of one image.
struct PathfinderRecord {
  std::string folder, file;
  std::int32_t label;   // 1: both marks lie on one contour
  std::string strokes;  // of a contour; "" where it is not told
  std::int64_t line;    // of the metadata, 1 = first
};

/// The records of a file of metadata: a NumPy array of text, or, as in the public archive, plain text in spite of the
/// name. UserError with `name` and line.
std::vector<PathfinderRecord> parse_pathfinder_metadata(const std::string& bytes, const std::string& name);

}  // namespace longwave
