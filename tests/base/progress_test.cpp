#include "longwave/base/progress.h"

#include <gtest/gtest.h>

namespace longwave {
namespace {

TEST(Progress, FitsANarrowTerminal) {
  const auto whole = progress_text("epoch 3/100", 50, 200, 2.5, "loss 0.37286", 80);
  EXPECT_EQ(whole, "epoch 3/100   25 %  1:00 left  loss 0.37286  2.5/s");
  for (int width = 1; width < 60; ++width)
    EXPECT_LE(progress_text("epoch 3/100", 50, 200, 2.5, "loss 0.37286", width).size(),
              static_cast<std::size_t>(width));
  EXPECT_EQ(progress_text("epoch 3/100", 50, 200, 2.5, "loss 0.37286", 30), "epoch 3/100   25 %  1:00 left");
}

TEST(Progress, KnowsNoRateAtFirst) {
  EXPECT_EQ(progress_text("epoch 1/2", 0, 10, 0, "", 80), "epoch 1/2    0 %");
  EXPECT_EQ(progress_text("epoch 1/2", 5, 10, 0.5, "", 80), "epoch 1/2   50 %  0:10 left  2.0 s each");
}

TEST(Progress, DurationsReadLikeAClock) {
  EXPECT_EQ(duration_text(9.6), "0:10");
  EXPECT_EQ(duration_text(3725), "1:02:05");
}

TEST(Progress, PlainLinesWhereThereIsNoTerminal) {
  auto* file = std::tmpfile();
  {
    Progress progress(file, 0);
    progress.update("epoch 1/2", 1, 4, "loss 0.5");
    progress.line("epoch 1 done");
  }
  std::rewind(file);
  std::string text(200, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  EXPECT_EQ(text, "epoch 1/2   25 %  loss 0.5\nepoch 1 done\n") << "no carriage returns, no escapes";
}

}  // namespace
}  // namespace longwave
