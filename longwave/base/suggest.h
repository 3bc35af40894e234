#pragma once

#include <string>
#include <vector>

namespace longwave {

/// The known name nearest to `name` by edit distance, or "" if none is near enough to be what was meant.
std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

/// "; did you mean 'x'?" or, where nothing is near, "; known: a, b, c". Made to end an error message.
std::string suggestion(const std::string& name, const std::vector<std::string>& known);

/// "a, b, c"
std::string join(const std::vector<std::string>& parts, const std::string& separator = ", ");

}  // namespace longwave
