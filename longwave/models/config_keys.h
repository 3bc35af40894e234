#pragma once

#include <functional>
#include <string>
#include <vector>

#include "longwave/mixers/mixer.h"

namespace longwave {

/// What the configuration of a fixture means for this mixer: the settings that are fields of it, and its sizes.
Json mixer_meaning(const MixerInfo& info, const Json& config);

/// "keys of its config that are not read here: a, b", for the hint of a report; "" if all are. A key is read if its
/// absence changes what `meaning` makes of the configuration, or is an error of its; the others are remarks, or options
/// that are not known.
std::string about_unread_keys(const Json& config, const std::function<Json(const Json&)>& meaning);

}  // namespace longwave
