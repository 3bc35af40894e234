#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace longwave::testing {

struct Outcome {
  int code;
  std::string out;  // standard output and error together
};

/// Runs the built program through the shell.
inline Outcome run_program(const std::string& arguments) {
  std::string command = LONGWAVE_PROGRAM;
  command += ' ';
  command += arguments;
  command += " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  Outcome outcome{-1, ""};
  std::array<char, 4096> buffer;
  while (const auto n = fread(buffer.data(), 1, buffer.size(), pipe)) outcome.out.append(buffer.data(), n);
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

}  // namespace longwave::testing
