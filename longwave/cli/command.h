#pragma once

#include <map>
#include <string>

namespace CLI {
class App;
}

namespace longwave {

/// One subcommand of the program: adds its options to `app` and sets app.callback(...) to what it does. Errors are
/// thrown as UserError (exit code 2); `longwave_main` prints them.
struct Command {
  std::string summary;
  void (*define)(CLI::App& app);
};

std::map<std::string, Command>& commands();

/// At namespace scope of longwave/cli/<name>.cpp: const RegisterCommand registered("train", "…", define);
struct RegisterCommand {
  RegisterCommand(const char* name, const char* summary, void (*define)(CLI::App&)) {
    commands()[name] = {summary, define};
  }
};

}  // namespace longwave
