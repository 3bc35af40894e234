#include "longwave/data/clip_list.h"

#include "longwave/base/check.h"
#include "longwave/data/text_lines.h"

namespace longwave {

std::set<std::string> parse_clip_list(std::string_view text, const std::string& name) {
  std::set<std::string> names;
  for_each_line(text, [&](std::string_view line, std::int64_t number) {
    if (line.empty()) return;
    const auto slash = line.find('/');
    check(slash != 0 && slash != std::string_view::npos && slash == line.rfind('/') && line.ends_with(".wav"), name,
          ":", number, ": '", line.substr(0, 60), "'; expected WORD/FILE.wav");
    names.emplace(line);
  });
  return names;
}

}  // namespace longwave
