// Renders sample pages in headless Chromium with scripts/check_pages: nothing may stick out sideways on a desktop or a
// phone, light or dark.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "longwave/report/chart.h"
#include "longwave/report/html.h"
#include "longwave/report/table.h"

namespace longwave {
namespace {

class PageRender : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("lw_pages_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// Exit code of the script; 77: no Chromium here.
  int check_page(const Page& page) const {
    const auto path = folder_ / "page.html";
    page.save(path);
    const auto command = std::string(LONGWAVE_SOURCE_DIR "/scripts/check_pages ") + path.string();
    return WEXITSTATUS(std::system(command.c_str()));
  }

  std::filesystem::path folder_;
};

Page sample() {
  Page page("A sample with a title that is rather long, so that it must be broken on a phone");
  page.paragraph(std::string(300, 'x'));
  Table table;
  std::vector<TableCell> row;
  for (int i = 0; i < 30; ++i) {
    table.columns.push_back({"column " + std::to_string(i)});
    row.push_back({"0.123 ± 0.004"});
  }
  table.rows.push_back(row);
  page.table(html_table(table));
  Chart chart{.title = "A chart"};
  chart.lines.push_back({"line", {0, 1, 2}, {3, 1, 2}});
  page.open_figures();
  for (int i = 0; i < 3; ++i) page.figure(draw(chart, SvgUse::page), "caption");
  page.close_figures();
  page.preformatted(std::string(400, 'y'));
  return page;
}

TEST_F(PageRender, NothingSticksOutSideways) {
  const int code = check_page(sample());
  if (code == 77) GTEST_SKIP() << "chromium is not installed";
  EXPECT_EQ(code, 0);
}

TEST_F(PageRender, TheCheckSeesWhatSticksOut) {
  auto page = sample();
  page.raw("<div style=\"width:1500px\">wide</div>");
  const int code = check_page(page);
  if (code == 77) GTEST_SKIP() << "chromium is not installed";
  EXPECT_EQ(code, 1);
}

}  // namespace
}  // namespace longwave
