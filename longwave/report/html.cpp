#include "longwave/report/html.h"

#include "longwave/base/atomic_file.h"
#include "longwave/report/svg.h"

namespace longwave {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--text:#1d2329;--dim:#5b6570;--back:#ffffff;--line:#dde1e6;--shade:#f4f6f8;--best:#00654a;--edge:#8a949e}
@media(prefers-color-scheme:dark){:root{--text:#e6e8eb;--dim:#a3abb5;--back:#16191d;--line:#3a4048;--shade:#1e2227;--best:#4fd3a5;--edge:#7d8894}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,'DejaVu Sans',Arial,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0 1rem}
h2{font-size:1.25rem;margin:2.2rem 0 .6rem;padding-top:1rem;border-top:1px solid var(--line)}
p{max-width:46rem;margin:.5rem 0;overflow-wrap:anywhere}
.note,figcaption{color:var(--dim);font-size:.9rem}
.scroll{overflow-x:auto;margin:.8rem 0;border:1px solid var(--line);border-radius:6px;max-width:100%;width:fit-content;scrollbar-width:thin;
background:linear-gradient(to right,var(--back) 40%,transparent) left/3rem 100%,linear-gradient(to left,var(--back) 40%,transparent) right/3rem 100%,linear-gradient(to right,var(--edge),transparent) left/1rem 100%,linear-gradient(to left,var(--edge),transparent) right/1rem 100%;background-repeat:no-repeat;background-attachment:local,local,scroll,scroll}
table{border-collapse:separate;border-spacing:0;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.32rem .55rem;text-align:right;vertical-align:top;white-space:nowrap;border-bottom:1px solid var(--line)}
thead th{font-weight:600;vertical-align:bottom;white-space:normal}
th.left,td.left{text-align:left}
th:first-child,td:first-child{position:sticky;left:0;z-index:1;background:var(--back)}
td.wrap{white-space:normal;min-width:15rem;max-width:26rem;overflow-wrap:anywhere}
th.group{text-align:center}
tr:last-child td{border-bottom:none}
td.first,th.first{border-left:1px solid var(--line)}
tbody tr:hover td{background:var(--shade)}
td b{color:var(--best)}
td u{text-underline-offset:3px}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,27rem),1fr));gap:1rem;margin:1rem 0}
figure{margin:0;border:1px solid var(--line);border-radius:6px;padding:.4rem;overflow-x:auto;min-width:0}
figure svg{display:block;margin:0 auto;width:100%;min-width:26rem;max-width:40rem}
figcaption{padding:.2rem .4rem}
pre{overflow-x:auto;background:var(--shade);padding:.8rem;border-radius:6px;font-size:.85rem;max-width:100%}
details{margin:.8rem 0}
summary{cursor:pointer;font-weight:600}
@media(max-width:40rem){th,td{padding:.28rem .4rem}th:first-child,td:first-child{white-space:normal;max-width:8.5rem}td.wrap{min-width:12rem}}
)";

}  // namespace

Page::Page(const std::string& title) : title_(escape_xml(title)) {}

void Page::heading(const std::string& text) { body_ += "<h2>" + escape_xml(text) + "</h2>\n"; }
void Page::paragraph(const std::string& text) { body_ += "<p>" + escape_xml(text) + "</p>\n"; }
void Page::note(const std::string& text) { body_ += "<p class=\"note\">" + escape_xml(text) + "</p>\n"; }
// A box that scrolls takes the focus, so that it scrolls from the keyboard too.
void Page::table(const std::string& html) {
  body_ += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table\">" + html + "</div>\n";
}
void Page::preformatted(const std::string& text) { body_ += "<pre tabindex=\"0\">" + escape_xml(text) + "</pre>\n"; }
void Page::open_figures() { body_ += "<div class=\"figures\">\n"; }
void Page::close_figures() { body_ += "</div>\n"; }
void Page::figure(const std::string& svg, const std::string& caption) {
  body_ += "<figure>\n" + svg;
  if (!caption.empty()) body_ += "<figcaption>" + escape_xml(caption) + "</figcaption>\n";
  body_ += "</figure>\n";
}
void Page::open_details(const std::string& summary) {
  body_ += "<details><summary>" + escape_xml(summary) + "</summary>\n";
}
void Page::close_details() { body_ += "</details>\n"; }

std::string Page::str() const {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
         title_ + "</title>\n<style>" + kStyle + svg_style() + "</style>\n</head>\n<body>\n<main>\n<h1>" + title_ +
         "</h1>\n" + body_ + "</main>\n</body>\n</html>\n";
}

void Page::save(const std::filesystem::path& path) const { write_file(path, str()); }

}  // namespace longwave
