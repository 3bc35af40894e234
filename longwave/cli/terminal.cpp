#include "longwave/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace longwave {

std::string for_terminal(const Table& table) {
  const bool is_terminal = ::isatty(STDOUT_FILENO);
  winsize size{};
  const bool known = is_terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? terminal_table(table, size.ws_col, true) : terminal_table(table, 120, is_terminal);
}

}  // namespace longwave
