#pragma once

#include <string>

namespace longwave {

/// `text` if it is UTF-8, else its bytes read as Latin-1: spreadsheets write column names like "µmol" in either.
std::string as_utf8(const std::string& text);

}  // namespace longwave
