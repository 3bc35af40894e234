#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include "longwave/base/check.h"
#include "longwave/base/policy.h"
#include "longwave/base/suggest.h"
#include "longwave/cli/command.h"
#include "longwave/cli/terminal.h"
#include "longwave/io/utf8.h"
#include "longwave/nn/environment.h"

namespace longwave {

std::map<std::string, Command>& commands() {
  static std::map<std::string, Command> registry;
  return registry;
}

namespace {

enum ExitCode { kFailure = 1, kUserError = 2, kInterrupted = 130 };

int report(const std::string& text, int code) {
  std::fflush(stdout);                                         // both may go to one file
  const auto line = as_utf8(text.substr(0, text.find('\n')));  // names of files may be in Latin-1
  fmt::print(stderr, "error: {}\n", line);
  return code;
}

int out_of_memory() {
  return report("not enough memory; use a smaller batch or model, or a shorter lookback", kFailure);
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const auto& [name, command] : commands()) names.push_back(name);
  return names;
}

/// The options of the chosen command as written on a command line ("--seed", "-q").
std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

const CLI::App& chosen_command(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : chosen_command(*chosen.front());
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + " " + app.get_name() : app.get_name();
}

/// "--horizon is abc; expected a whole number" for a value that is no number; "" if that is not what is wrong.
std::string wrong_number(const CLI::App& command) {
  for (const auto* option : command.get_options()) {
    const auto type = option->get_type_name();
    const bool whole = type == "INT" || type == "UINT";
    if (!whole && type != "FLOAT") continue;
    for (const auto& text : option->results()) {
      std::int64_t integer = 0;
      double real = 0;
      if (whole ? !CLI::detail::lexical_cast(text, integer) : !CLI::detail::lexical_cast(text, real))
        return fmt::format("{} is {}; expected a {}", option->get_name(), text, whole ? "whole number" : "number");
    }
  }
  return {};
}

/// What CLI11 found wrong, in our words where it names an argument that nobody expected or a value that is no number.
int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  const auto& command = chosen_command(app);
  auto text = std::string(error.what());
  const auto extras = command.remaining();
  auto extra = extras.begin();
  if (dynamic_cast<const CLI::RequiredError*>(&error))  // what is wanting may be there, mistyped
    extra = std::find_if(extras.begin(), std::find(extras.begin(), extras.end(), "--"),
                         [](const std::string& word) { return word.starts_with("-"); });
  else if (!dynamic_cast<const CLI::ExtrasError*>(&error))
    extra = extras.end();
  if (extra != extras.end() && *extra != "--") {
    const auto name = extra->substr(0, extra->find('='));
    if (name.starts_with("-")) {
      const auto near = nearest_name(name, option_names(command));
      text = fmt::format("unknown option {}{}", name, near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    } else if (&command == &app) {
      text = "unknown command '" + name + "'" + suggestion(name, command_names());
    } else {
      text = fmt::format("unexpected argument '{}'", *extra);
    }
  }
  if (dynamic_cast<const CLI::ConversionError*>(&error))
    if (const auto words = wrong_number(command); !words.empty()) text = words;
  return report(fmt::format("{}{} see {} --help", text, text.ends_with("?") ? "" : ";", full_name(command)),
                kUserError);
}

void define_commands(CLI::App& app) {
  app.set_version_flag("--version", fmt::format("longwave {} ({})", LONGWAVE_VERSION, code_revision()));
  app.require_subcommand(0, 1);
  app.set_help_flag("-h,--help", "Print this help and exit");
  for (const auto& [name, command] : commands()) command.define(*app.add_subcommand(name, command.summary));
}

int run(int argc, char** argv) {
  CLI::App app("Efficient sequence models: train, compare, forecast.", "longwave");
  define_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& code) {
    return code.get_exit_code();  // of a command that has already said why
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", help_for_terminal(app.help()));
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --version
    return report_usage(app, error);
  }
  if (app.get_subcommands().empty()) fmt::print("{}", help_for_terminal(app.help()));
  return 0;
}

int run_and_report(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Interrupted& stop) {
    fmt::print(stderr, "{}\n", stop.what());
    return kInterrupted;
  } catch (const UserError& error) {
    return report(error.what(), kUserError);
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    return text.find("can't allocate memory") == std::string::npos ? report(text, kFailure) : out_of_memory();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::system_error& error) {
    if (error.code().value() == EPIPE) return 0;  // the reader of our output had enough
    return report(error.what(), kFailure);
  } catch (const std::exception& error) {
    return report(error.what(), kFailure);
  }
}

}  // namespace
}  // namespace longwave

/// What the program calls once the library is loaded. Returns the exit code: 0, 1 failure, 2 bad input, 130 stopped.
extern "C" int longwave_main(int argc, char** argv) {
  at::set_num_threads(longwave::compute_threads(longwave::detect_cpu()));
  return longwave::run_and_report(argc, argv);
}
