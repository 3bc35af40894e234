#include "longwave/base/fields.h"

#include <gtest/gtest.h>

namespace longwave {
namespace {

struct Sizes {
  std::int64_t width = 8;
  double dropout = 0.1;
  std::string kind = "plain";
  std::vector<std::int64_t> horizons = {96};
  bool bias = true;

  static const FieldTable<Sizes>& fields() {
    static const auto table = FieldTable<Sizes>()
                                  .add("width", &Sizes::width, "width of a token", at_least<std::int64_t>(1))
                                  .add("dropout", &Sizes::dropout, "probability", fraction())
                                  .add("kind", &Sizes::kind, "which", one_of({"plain", "fancy"}))
                                  .add("horizons", &Sizes::horizons, "steps ahead")
                                  .add("bias", &Sizes::bias, "add a bias");
    return table;
  }
};

std::string error_of(const Json& json) {
  try {
    Sizes::fields().parse(settings_from_json(json, "a.toml:3:1"), "model");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Fields, ReadsEveryTypeAndKeepsDefaults) {
  const auto sizes = Sizes::fields().parse(
      settings_from_json({{"width", 3}, {"dropout", 0}, {"horizons", {1, 2}}, {"bias", false}}, "x"), "model");
  EXPECT_EQ(sizes.width, 3);
  EXPECT_EQ(sizes.dropout, 0);
  EXPECT_EQ(sizes.kind, "plain");
  EXPECT_EQ(sizes.horizons, (std::vector<std::int64_t>{1, 2}));
  EXPECT_FALSE(sizes.bias);
}

TEST(Fields, ZeroAndOneAreBooleansAndNullIsTheTextNone) {
  EXPECT_FALSE(Sizes::fields().parse(settings_from_json({{"bias", 0}}, "x"), "").bias);
  EXPECT_TRUE(Sizes::fields().parse(settings_from_json({{"bias", 1}}, "x"), "").bias);
  EXPECT_EQ(error_of({{"bias", 2}}), "a.toml:3:1: model.bias is 2; expected true or false");
  EXPECT_EQ(error_of({{"kind", nullptr}}), "a.toml:3:1: model.kind is null; expected one of plain, fancy");
}

TEST(Fields, AValueAloneIsAListOfOne) {
  const auto parse = [](const Json& value) {
    return Sizes::fields().parse(settings_from_json({{"horizons", value}}, "test"), "model").horizons;
  };
  EXPECT_EQ(parse(24), std::vector<std::int64_t>{24});
  EXPECT_EQ(parse(Json::array()), std::vector<std::int64_t>());
  EXPECT_EQ(error_of({{"horizons", "24"}}), "a.toml:3:1: model.horizons is \"24\"; expected list of integer");
}

TEST(Fields, DumpParsesBackToTheSame) {
  Sizes sizes;
  sizes.width = 77;
  const auto dump = Sizes::fields().dump(sizes);
  EXPECT_EQ(Sizes::fields().dump(Sizes::fields().parse(settings_from_json(dump, "x"), "")), dump);
}

TEST(Fields, MessagesSayWhereWhatAndWhatWasExpected) {
  EXPECT_EQ(error_of({{"widht", 3}}), "a.toml:3:1: unknown key model.widht; did you mean 'width'?");
  EXPECT_EQ(error_of({{"width", "3"}}), "a.toml:3:1: model.width is \"3\"; expected integer >= 1");
  EXPECT_EQ(error_of({{"width", 0}}), "a.toml:3:1: model.width is 0; expected >= 1");
  EXPECT_EQ(error_of({{"kind", "odd"}}), "a.toml:3:1: model.kind is \"odd\"; expected one of plain, fancy");
}

}  // namespace
}  // namespace longwave
