// The Free Spoken Digit Dataset: DIGIT_SPEAKER_INDEX.wav, 8 kHz, of varying length.

#include <charconv>
#include <string_view>

#include "longwave/data/recordings.h"

namespace longwave {
namespace {

constexpr std::int64_t kRate = 8000, kTestRecordings = 5;  // of every digit and speaker, the first ones
constexpr std::int64_t kPublished = 3000;                  // 10 digits, 6 speakers, 50 recordings
constexpr double kValidation = 0.1;

std::vector<FileLayout> digit_layouts() { return {{{"fsdd", "free-spoken-digit-dataset"}, {"recordings"}}}; }

class SpokenDigits final : public Recordings {
 public:
  struct Config : LabelledOptions {
    static const FieldTable<Config>& fields() {
      static const auto table = [] {
        FieldTable<Config> fields;
        return add_labelled_fields(fields);
      }();
      return table;
    }
  };

  SpokenDigits(const Config& config, const SequenceSource& source) : Recordings(kRate) {
    const auto folder = locate_files("Free Spoken Digit Dataset", digit_layouts(), source.roots).files[0];
    for (int digit = 0; digit < 10; ++digit) facts_.class_names.push_back(std::to_string(digit));
    for (const auto& path : wav_files(folder)) take(path);
    facts_.found.push_back(folder.string() + ", " + std::to_string(labels_.size()) + " recordings");
    compare_with_published(std::ssize(labels_), kPublished, "the Free Spoken Digit Dataset");
    hold_out_validation(kValidation, static_cast<std::uint64_t>(config.seed));
    facts_.protocol = "fsdd-official";
    limit(config);
    measure(1, 0);
  }

 private:
  void take(const std::filesystem::path& path) {
    const auto name = path.stem().string();
    const auto last = name.rfind('_');
    std::int64_t index = -1;
    const auto* end = name.data() + name.size();
    const bool number = last != std::string::npos && last > 2 &&
                        std::from_chars(name.data() + last + 1, end, index).ptr == end && index >= 0;
    check(number && name[0] >= '0' && name[0] <= '9' && name[1] == '_', path.string(),
          ": expected a name such as 7_jackson_32.wav (digit, speaker, number of the recording)");
    items(index < kTestRecordings ? Split::test : Split::train).push_back(add(path, name[0] - '0'));
  }
};

const RegisterSequenceData<SpokenDigits> registered({.name = "spoken-digits",
                                                     .title = "spoken digits",
                                                     .family = "speech",
                                                     .summary = "digits of several speakers, one sample a step",
                                                     .source = "files: github.com/Jakobovski/free-spoken-digit-dataset",
                                                     .layouts = digit_layouts()});

}  // namespace
}  // namespace longwave
