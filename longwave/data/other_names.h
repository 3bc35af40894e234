#pragma once

#include <string>
#include <vector>

namespace longwave {

/// Ends the message that no set is called `name`: "; did you mean 'pathfinder' with data.resolution=128?" where papers
/// and archives call it so ("path-x"), else what `suggestion` says of `known`.
std::string suggestion_of_set(const std::string& name, const std::vector<std::string>& known);

}  // namespace longwave
