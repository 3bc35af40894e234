#include "longwave/io/toml.h"

#include <gtest/gtest.h>

#include "tests/support/error_message.h"

namespace longwave {
namespace {

using testing::message;

TEST(Toml, SettingsKnowTheirPlace) {
  const auto sections = parse_toml("[train]\nepochs = 3\n\n[model.head]\n  rates = [1, 2.5]\n", "a.toml");
  EXPECT_EQ(sections.at("train").at("epochs").value, 3);
  EXPECT_EQ(sections.at("train").at("epochs").where, "a.toml:2:1");
  EXPECT_EQ(sections.at("model.head").at("rates").value.dump(), "[1,2.5]");
  EXPECT_EQ(sections.at("model.head").at("rates").where, "a.toml:5:3");
}

TEST(Toml, SyntaxErrorIsOneLineWithItsPlace) {
  const auto text = message([] { parse_toml("[train]\nepochs = = 3\n", "a.toml"); });
  EXPECT_TRUE(text.starts_with("a.toml:2:10: not valid TOML: ")) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Toml, OverridesAreTomlValuesAndBareWordsAreText) {
  Sections sections;
  apply_override(sections, "train.seed=2");
  apply_override(sections, "train.schedule=cosine");
  apply_override(sections, "task.data=data/a=b.csv");
  apply_override(sections, "model.head.rates=[1, 2]");
  EXPECT_EQ(sections["train"]["seed"].value, 2);
  EXPECT_EQ(sections["train"]["seed"].where, "command line");
  EXPECT_EQ(sections["train"]["schedule"].value, "cosine");
  EXPECT_EQ(sections["task"]["data"].value, "data/a=b.csv");
  EXPECT_EQ(sections["model.head"]["rates"].value.size(), 2u);
  EXPECT_NE(message([&] { apply_override(sections, "seed=2"); }), "accepted");
  EXPECT_NE(message([&] { apply_override(sections, "train.seed"); }), "accepted");
}

TEST(Toml, UnknownSectionSuggestsTheNearest) {
  EXPECT_EQ(message([] {
              check_sections(parse_toml("[trian]\nepochs = 3\n", "a.toml"), {"task", "train"});
            }),
            "a.toml:2:1: unknown section [trian]; did you mean 'train'?");
  EXPECT_EQ(message([] {
              check_sections(parse_toml("epochs = 3\n", "a.toml"), {"task", "train"});
            }),
            "a.toml:1:1: epochs stands before the first section; expected one of [task] [train] above it");
}

TEST(Toml, WrittenTextReadsBackToTheSameValues) {
  const auto json = Json::parse(
      R"({"task": {"data": "a \"b\"\tc\\d", "on": true}, "train": {"rate": 1e-05, "n": -3, "list": [1, 2], "one": 1.0}})");
  const auto sections = parse_toml(to_toml(json), "again");
  for (const auto& [section, settings] : json.items())
    for (const auto& [key, value] : settings.items()) EXPECT_EQ(sections.at(section).at(key).value, value) << key;
}

}  // namespace
}  // namespace longwave
