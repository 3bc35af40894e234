#pragma once

#include <string>

namespace longwave {

/// Names this process for as long as it lives, never to be given again: machine start, process namespace, number and
/// start time.
std::string process_identity();

/// What is known of the process of that name from here.
enum class Life { alive, dead, unknown };
Life process_life(const std::string& identity);

}  // namespace longwave
