#include <gtest/gtest.h>

#include <cmath>

#include "longwave/data/mean_spectrum.h"
#include "longwave/io/checksum.h"
#include "tests/data/sequence_set_testing.h"
#include "tests/support/wav.h"

namespace longwave {
namespace {

const std::vector<std::string> kTen{"yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"};

std::vector<std::int16_t> ramp(int length, int first) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(length));
  for (int i = 0; i < length; ++i) samples[i] = static_cast<std::int16_t>(first + i % 100);
  return samples;
}

/// Ten words of `clips` clips each, speakers s0, s1, ..., and one clip that is too short.
void put_words(const ScratchFolder& folder, int clips) {
  for (std::size_t word = 0; word < kTen.size(); ++word)
    for (int i = 0; i < clips; ++i)
      folder.put("speech_commands/" + kTen[word] + "/s" + std::to_string(i) + "_nohash_0.wav",
                 wav_of(ramp(16000, static_cast<int>(word) * 100 + i), 16000));
  folder.put("speech_commands/yes/short_nohash_0.wav", wav_of(ramp(9000, 0), 16000));
}

TEST(MeanSpectrum, OfATone) {
  constexpr int kFrame = 64;
  const MeanSpectrum spectrum(kFrame);
  std::vector<std::int16_t> tone(10 * kFrame);
  for (std::size_t i = 0; i < tone.size(); ++i)
    tone[i] = static_cast<std::int16_t>(std::lround(16384 * std::sin(2 * std::acos(-1.0) * 8 / kFrame * i)));
  std::vector<float> out;
  spectrum(tone, out);
  ASSERT_EQ(out.size(), 64u);
  EXPECT_NEAR(out[7], 2 * std::log(0.25), 1e-3) << "an amplitude of 1/2 is two waves of 1/4; the window's mean is one";
  EXPECT_NEAR(out[6], 2 * std::log(0.125), 1e-3) << "a neighbour: half as much through a Hann window";
  EXPECT_LT(out[20], -15);
  EXPECT_NEAR(out[32 + 7], 0, 1e-3) << "no deviation: whole periods in every frame";
}

TEST(SpeechCommands, TheOfficialListsSplit) {
  ScratchFolder folder;
  put_words(folder, 5);
  std::string val, test;
  for (const auto& word : kTen) {
    val += word + "/s1_nohash_0.wav\n";
    test += word + "/s4_nohash_0.wav\r\n";
  }
  folder.put("speech_commands/validation_list.txt", val);
  folder.put("speech_commands/testing_list.txt", test);
  const auto data = make_set("sc10", Json::object(), {folder.path()});
  EXPECT_EQ(data->facts().protocol, "sc10-official");
  EXPECT_EQ(data->facts().masking.ratio, 0.25);
  EXPECT_EQ(class_counts(*data, Split::train), std::vector<std::int64_t>(10, 3));
  EXPECT_EQ(class_counts(*data, Split::val), std::vector<std::int64_t>(10, 1));
  EXPECT_EQ(class_counts(*data, Split::test), std::vector<std::int64_t>(10, 1));
  EXPECT_TRUE(found_says(*data, "50 clips used, 1 of other lengths left out"));
  EXPECT_TRUE(found_says(*data, "the official lists"));
}

TEST(SpeechCommands, WithoutClipsToTrainOnItSaysWhereAndWhy) {
  ScratchFolder folder;
  for (const auto& word : kTen)
    folder.put("speech_commands/" + word + "/s1_nohash_0.wav", wav_of(ramp(8000, 0), 16000));
  const auto root = (folder.path() / "speech_commands").string();
  EXPECT_NE(error_of_set("sc10", Json::object(), {folder.path()})
                .find(root + ": none of the clips has 16000 samples (one second at 16 kHz)"),
            std::string::npos);
  std::string all;
  for (const auto& word : kTen) all += word + "/s1_nohash_0.wav\n";
  for (const auto& word : kTen)
    folder.put("speech_commands/" + word + "/s1_nohash_0.wav", wav_of(ramp(16000, 0), 16000));
  folder.put("speech_commands/validation_list.txt", "");
  folder.put("speech_commands/testing_list.txt", all);
  const auto empty = error_of_set("sc10", Json::object(), {folder.path()});
  EXPECT_TRUE(empty.starts_with(root + ", 10 clips used, 0 of other lengths left out; ")) << empty;
  EXPECT_NE(empty.find(": no samples to train on"), std::string::npos) << empty;
  folder.put("speech_commands/testing_list.txt", all + "yes\n");
  EXPECT_NE(
      error_of_set("sc10", Json::object(), {folder.path()}).find("testing_list.txt:11: 'yes'; expected WORD/FILE"),
      std::string::npos);
  folder.put("speech_commands/testing_list.txt", all);
  folder.put("speech_commands/validation_list.txt", "up/s1_nohash_0.wav\nno/s1_nohash_0.wav\n");
  EXPECT_NE(error_of_set("sc10", Json::object(), {folder.path()})
                .find("testing_list.txt: no/s1_nohash_0.wav is in validation_list.txt too; expected every clip in one"),
            std::string::npos);
  folder.put("speech_commands/validation_list.txt", "");
  folder.put("speech_commands/testing_list.txt", "yes/of_another_set.wav\n");
  EXPECT_NE(error_of_set("sc10", Json::object(), {folder.path()}).find("testing_list.txt: names none of the clips"),
            std::string::npos);
  folder.put("speech_commands/testing_list.txt", "yes/s1_nohash_0.wav\n");
  for (const auto& word : kTen)
    folder.put("speech_commands/" + word + "/s1_nohash_0.wav", wav_of(std::vector<std::int16_t>(16000), 16000));
  EXPECT_NE(error_of_set("sc10", Json::object(), {folder.path()}).find("s1_nohash_0.wav and all other training"),
            std::string::npos);
  std::filesystem::remove(folder.path() / "speech_commands/validation_list.txt");
  EXPECT_NE(error_of_set("sc10", Json::object(), {folder.path()}).find("validation_list.txt: missing"),
            std::string::npos);
}

TEST(SpeechCommands, TrainingPartIsStandardisedAndHalfTheRateTakesEverySecondSample) {
  ScratchFolder folder;
  put_words(folder, 6);
  folder.put("speech_commands/validation_list.txt", "yes/s1_nohash_0.wav\n");
  folder.put("speech_commands/testing_list.txt", "no/s2_nohash_0.wav\n");
  const auto full = make_set("sc10", Json::object(), {folder.path()});
  const auto half = make_set("sc10", {{"rate", 8000}}, {folder.path()});
  double sum = 0, squares = 0, count = 0;
  for (std::int64_t i = 0; i < full->samples(Split::train); ++i)
    for (const double x : example_of(*full, Split::train, i).first.values) sum += x, squares += x * x, ++count;
  EXPECT_NEAR(sum / count, 0, 1e-5);
  EXPECT_NEAR(squares / count, 1, 1e-5);
  const auto every = example_of(*full, Split::test, 0).first.values;
  const auto second = example_of(*half, Split::test, 0).first.values;
  EXPECT_EQ(half->length(Split::test, 0), 8000);
  ASSERT_EQ(second.size(), 8000u);
  for (std::size_t t = 0; t < second.size(); ++t) EXPECT_EQ(second[t], every[2 * t]);
}

TEST(SpeechCommands, WithoutListsTheHashOfTheSpeakerSplits) {
  EXPECT_EQ(sha1_of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");  // FIPS 180-4
  ScratchFolder folder;
  put_words(folder, 40);
  const auto data = make_set("sc10", Json::object(), {folder.path()});
  EXPECT_TRUE(found_says(*data, "hash of the speaker"));
  int val = 0, test = 0;  // by the rule, from the digest as a number in base 2^27
  for (int i = 0; i < 40; ++i) {
    const auto digest = sha1_of("s" + std::to_string(i));
    std::uint64_t rest = 0;
    for (const char c : digest)
      rest = (rest * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10)) % (1 << 27);
    const auto percentage = static_cast<double>(rest) * 100 / ((1 << 27) - 1);
    val += percentage < 10;
    test += percentage >= 10 && percentage < 20;
  }
  EXPECT_GT(val + test, 0);
  EXPECT_EQ(data->samples(Split::val), 10 * val);
  EXPECT_EQ(data->samples(Split::test), 10 * test);
}

TEST(SpeechCommands, TheProtocolOfS4SplitsClipsAndScalesTwice) {
  ScratchFolder folder;
  put_words(folder, 20);
  const auto data = make_set("sc10", {{"protocol", "sc10-s4"}}, {folder.path()});
  EXPECT_EQ(class_counts(*data, Split::train), std::vector<std::int64_t>(10, 14));
  EXPECT_EQ(class_counts(*data, Split::val), std::vector<std::int64_t>(10, 3));
  EXPECT_EQ(class_counts(*data, Split::test), std::vector<std::int64_t>(10, 3));
  double squares = 0, count = 0;
  for (std::int64_t i = 0; i < data->samples(Split::train); ++i)
    for (const double x : example_of(*data, Split::train, i).first.values) squares += x * x, ++count;
  const double deviation = std::sqrt(squares / count);
  EXPECT_LT(deviation, 0.2);  // s / (s + 0.33) with a quiet s
  EXPECT_GT(deviation, 0.01);
}

TEST(SpokenDigits, FirstFiveOfEachSpeakerTestAndLengthsAreTrue) {
  ScratchFolder folder;
  for (int digit = 0; digit < 10; ++digit)
    for (int i = 0; i < 25; ++i)
      folder.put("fsdd/recordings/" + std::to_string(digit) + "_ann_" + std::to_string(i) + ".wav",
                 wav_of(ramp(100 + 10 * digit + i, i), 8000));
  const auto data = make_set("spoken-digits", Json::object(), {folder.path()});
  EXPECT_EQ(class_counts(*data, Split::test), std::vector<std::int64_t>(10, 5));
  EXPECT_EQ(class_counts(*data, Split::val), std::vector<std::int64_t>(10, 2));
  EXPECT_EQ(class_counts(*data, Split::train), std::vector<std::int64_t>(10, 18));
  EXPECT_EQ(data->facts().max_length, 100 + 90 + 24);
  EXPECT_EQ(data->facts().protocol, "fsdd-official");
  EXPECT_EQ(data->facts().caution,
            "a part of the Free Spoken Digit Dataset (250 of 3000): scores are not comparable with published ones");
  for (std::int64_t i = 0; i < data->samples(Split::test); ++i) {
    const auto sample = example_of(*data, Split::test, i);
    EXPECT_EQ(static_cast<std::int64_t>(sample.first.values.size()), data->length(Split::test, i));
    EXPECT_LT(data->length(Split::test, i) - 100 - 10 * sample.label, 5);
  }
  folder.put("fsdd/recordings/seven_ann_1.wav", wav_of(ramp(10, 0), 8000));
  EXPECT_NE(message_of([&] { make_set("spoken-digits", Json::object(), {folder.path()}); }).find("7_jackson_32.wav"),
            std::string::npos);
}

TEST(SpokenDigits, AnotherRateIsRefused) {
  ScratchFolder folder;
  for (int i = 0; i < 7; ++i)
    folder.put("fsdd/recordings/3_ann_" + std::to_string(i) + ".wav", wav_of(ramp(50, i), i == 6 ? 16000 : 8000));
  EXPECT_NE(message_of([&] {
              make_set("spoken-digits", Json::object(), {folder.path()});
            }).find("3_ann_6.wav: 16000 samples a second; expected 8000"),
            std::string::npos);
}

}  // namespace
}  // namespace longwave
