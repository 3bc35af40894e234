#include "longwave/base/suggest.h"

#include <gtest/gtest.h>

namespace longwave {
namespace {

const std::vector<std::string> kKnown{"d_model", "n_heads", "dropout", "lookback"};

TEST(Suggest, NamesTheNearestKnownWord) {
  EXPECT_EQ(nearest_name("dmodel", kKnown), "d_model");
  EXPECT_EQ(nearest_name("dropuot", kKnown), "dropout");
  EXPECT_EQ(nearest_name("gal", {"gru", "gla"}), "gla");
}

TEST(Suggest, ListsAllWordsWhenNoneIsNear) {
  EXPECT_EQ(nearest_name("zebra", kKnown), "");
  EXPECT_EQ(nearest_name("gate", {"name"}), "");
  EXPECT_EQ(nearest_name("a", {"gla"}), "");
  EXPECT_EQ(suggestion("zebra", kKnown), "; known: d_model, n_heads, dropout, lookback");
}

}  // namespace
}  // namespace longwave
