#include "longwave/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace longwave {
namespace {

constexpr std::size_t kWidthWithoutTerminal = 120;

/// Columns of the terminal behind standard output; where there is none, as wide as a page.
std::size_t width() {
  winsize size{};
  const bool known = ::isatty(STDOUT_FILENO) && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kWidthWithoutTerminal;
}

/// The lines that follow begin below the description behind a name, or two columns in. Where a description would be
/// narrower than kNarrow, it has lines of its own.
std::string wrapped_line(const std::string& line, std::size_t width) {
  constexpr std::size_t kNarrow = 24;
  if (line.size() <= width) return line;
  const auto name = std::min(line.find_first_not_of(' '), line.size()), gap = line.find("  ", name);
  const auto description = gap == std::string::npos ? gap : line.find_first_not_of(' ', gap);
  if (description != std::string::npos && description + kNarrow > width)
    return line.substr(0, gap) + "\n" + wrapped_line(std::string(name + 2, ' ') + line.substr(description), width);
  const auto indent = description == std::string::npos ? name + 2 : description;
  std::string text = line.substr(0, indent);
  std::size_t used = indent;
  bool begun = false;
  std::istringstream words(line.substr(indent));
  for (std::string word; words >> word;) {
    if (begun && used + 1 + word.size() > width) {
      text += "\n" + std::string(indent, ' ');
      used = indent, begun = false;
    }
    text += (begun ? " " : "") + word;
    used += word.size() + begun;
    begun = true;
  }
  return text;
}

}  // namespace

std::string for_terminal(const Table& table) { return terminal_table(table, width(), ::isatty(STDOUT_FILENO)); }

std::string help_for_terminal(const std::string& help) {
  std::string text;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) text += wrapped_line(line, width()) + "\n";
  return text;
}

}  // namespace longwave
