#include "longwave/io/wav.h"

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.h"
#include "tests/support/wav.h"

namespace longwave {
namespace {

const std::vector<std::int16_t> kSamples{0, 1, -1, 32767, -32768, 250, 7};

TEST(Wav, ReadsSamplesExactly) {
  EXPECT_EQ(parse_wav(wav_of(kSamples, 8000), "f", 8000), kSamples);
  auto listed = wav_of(kSamples, 8000);  // a chunk that players ignore
  listed.insert(36, "LIST" + little_endian(4, 4) + "INFO");
  listed.replace(4, 4, little_endian(listed.size() - 8, 4));
  EXPECT_EQ(parse_wav(listed, "f", 8000), kSamples);
  auto extended = wav_of(kSamples, 8000);  // the same form in a longer header
  extended.replace(16, 6, little_endian(40, 4) + little_endian(0xfffe, 2));
  extended.insert(36, little_endian(22, 2) + little_endian(16, 2) + little_endian(4, 4) + little_endian(1, 4) +
                          little_endian(0x100000, 4) + little_endian(0x719b3800aa000080, 8));
  extended.replace(4, 4, little_endian(extended.size() - 8, 4));
  EXPECT_EQ(parse_wav(extended, "f", 8000), kSamples);
}

TEST(Wav, DamageAndOtherFormsAreOneClearLine) {
  const auto error = [](const std::string& bytes) { return message_of([&] { parse_wav(bytes, "f", 16000); }); };
  const auto whole = wav_of(kSamples, 16000);
  EXPECT_EQ(error(""), "f: no WAV file (wrong first bytes)");
  EXPECT_EQ(error(whole.substr(0, 50)), "f: truncated WAV file (50 bytes; its header says 58); get it again");
  EXPECT_EQ(error(wav_of(kSamples, 8000)), "f: 8000 samples a second; expected 16000");
  const std::string expected = "; expected 1 channel, Signed 16 bit PCM (`sox IN -c 1 -b 16 -e signed OUT` converts)";
  EXPECT_EQ(error(wav_of({1, 2, 3, 4}, 16000, 2)), "f: 2 channels, Signed 16 bit PCM" + expected);
  const auto form = [&](std::uint64_t tag, std::uint64_t bits) {
    auto bytes = whole;
    bytes.replace(20, 2, little_endian(tag, 2));
    bytes.replace(28, 8, little_endian(2000 * bits, 4) + little_endian(bits / 8, 2) + little_endian(bits, 2));
    return bytes;
  };
  EXPECT_EQ(error(form(1, 8)), "f: 1 channel, Unsigned 8 bit PCM" + expected);
  EXPECT_EQ(error(form(3, 32)), "f: 1 channel, 32 bit float" + expected);
  EXPECT_NE(error(wav_of({}, 16000)).find("0 samples"), std::string::npos);
  auto endless = whole;
  endless.insert(36, "LIST" + little_endian(0xffff0004, 4) + "INFO");
  EXPECT_EQ(error(endless),
            "f: damaged WAV file (a part at byte 36 has 4294901764 bytes by its header, of which 26 are there)");
}

}  // namespace
}  // namespace longwave
