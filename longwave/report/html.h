#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace longwave {

/// One self-contained page: no script, no network, style inside; light and dark; from phone to desktop. Everything
/// given as `html` or `svg` is taken as it is (see escape_xml); everything else is escaped.
class Page {
 public:
  explicit Page(const std::string& title);

  void heading(const std::string& text);
  void paragraph(const std::string& text);
  void note(const std::string& text);
  /// Scrolls sideways inside its own box if it is too wide.
  void table(const std::string& html);
  void preformatted(const std::string& text);
  /// Charts between these two stand beside each other where there is room; on a narrow screen they keep a size that can
  /// be read, and scroll sideways inside their own box. They are drawn with SvgUse::page.
  void open_figures();
  void figure(const std::string& svg, const std::string& caption = {});
  void close_figures();
  /// A part that opens on a click.
  void open_details(const std::string& summary);
  void close_details();
  void raw(std::string_view html) { body_ += html; }

  std::string str() const;
  void save(const std::filesystem::path& path) const;

 private:
  std::string title_, body_;
};

}  // namespace longwave
