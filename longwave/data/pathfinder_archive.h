#pragma once

#include <filesystem>
#include <functional>

#include "longwave/data/pathfinder.h"

namespace longwave {

/// Folder of images that are not drawn by one of the published rules.
inline constexpr const char* kOwnContours = "curv_own";

/// Writes the images of a configuration in the layout of the public archive, training samples first, then those of
/// validation and test, 1000 a batch: FOLDER/pathfinder32/curv_contour_length_14/{imgs/<batch>/sample_<i>.png,
/// metadata/<batch>.npy}. As there, the metadata are plain text in spite of their name: folder, file, number in the
/// batch, label, continuity, strokes of a contour, of a distractor, length, thickness and margin of a stroke,
/// contrasts. They are written once the images of their batch are on the disk, so that they name whole images only.
/// A rule of one's own lies in kOwnContours, apart from the published ones. Returns the folder of metadata and imgs.
/// `progress` is told how many images are done.
std::filesystem::path write_pathfinder(const PathfinderConfig& config, const std::filesystem::path& folder,
                                       const std::function<void(std::int64_t)>& progress = {});

}  // namespace longwave
