// Time series classification of the UEA/UCR archive: the customary pair of files NAME_TRAIN.ts, NAME_TEST.ts.

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/data/labelled_set.h"
#include "longwave/io/checksum.h"
#include "longwave/io/missing.h"
#include "longwave/io/text_source.h"
#include "longwave/io/ts_file.h"

namespace longwave {
namespace {

std::vector<FileLayout> uea_layouts() {
  return {{{"uea_ucr", "{name}", "uea_ucr/{name}", "Multivariate_ts/{name}", "Univariate_ts/{name}"},
           {"{name}_TRAIN.ts", "{name}_TEST.ts"}}};
}

class Uea final : public LabelledSet {
 public:
  struct Config : LabelledOptions {
    std::string name = "JapaneseVowels";
    double validation = 0.2;
    static const FieldTable<Config>& fields() {
      static const auto table = [] {
        FieldTable<Config> fields;
        fields
            .add("name", &Config::name,
                 "a set of the archive (JapaneseVowels), or the path of its files without _TRAIN.ts and _TEST.ts")
            .add("validation", &Config::validation, "share of the training series that validates, of every class",
                 between(0.0, 0.9));
        return add_labelled_fields(fields);
      }();
      return table;
    }
  };

  Uea(const Config& config, const SequenceSource& source) {
    Sha256 hash;
    const auto files = find(config.name, source);
    for (const auto& path : files) {
      const auto text = read_text(path);
      hash.update(text);
      take(parse_ts(text, path.string()), path.string());
    }
    hold_out_validation(config.validation, static_cast<std::uint64_t>(config.seed));
    facts_.protocol = "uea-official";
    limit(config);
    standardise();
    describe(hash.hex());
  }

  /// Besides the majority class: the class whose mean of (mean, deviation of each channel) is nearest.
  std::vector<Baseline> baselines() const override {
    auto list = LabelledSet::baselines();
    const auto score = nearest_class_mean(items(Split::train), items(Split::test), labels_,
                                          [&](std::int64_t item, std::vector<float>& out) { moments(item, out); });
    list.push_back({"nearest class mean of channel means and deviations", score, "measured on the test split"});
    return list;
  }

 private:
  std::int64_t steps(std::int64_t item) const override {
    return static_cast<std::int64_t>(series_[item].values.size()) / facts_.channels;
  }
  void encode(std::int64_t item, Steps& out) const override {
    out.tokens.clear();
    out.values = series_[item].values;
  }

  static std::vector<std::filesystem::path> find(const std::string& name, const SequenceSource& source) {
    if (name.find('/') == std::string::npos)
      return locate_files("UEA/UCR set " + name, uea_layouts(), source.roots, {{"name", name}}).files;
    const std::filesystem::path path(name);
    return locate_files("series " + name, {{{}, {"{name}_TRAIN.ts", "{name}_TEST.ts"}}}, {path.parent_path()},
                        {{"name", path.filename().string()}})
        .files;
  }

  /// The first file trains, the second tests; both must name the same channels and classes.
  void take(TsFile file, const std::string& path) {
    const auto split = series_.empty() ? Split::train : Split::test;
    if (split == Split::train) {
      facts_.channels = file.channels;
      facts_.class_names = file.classes;
    }
    check(file.channels == facts_.channels && file.classes == facts_.class_names, path, ": ", file.channels,
          " channels and classes ", join(file.classes), "; expected ", facts_.channels, " and ",
          join(facts_.class_names), " as in the training file");
    for (auto& series : file.series) {
      if (file.missing) fill_gaps(series, path + ": series " + std::to_string(&series - file.series.data() + 1));
      items(split).push_back(static_cast<std::int64_t>(series_.size()));
      labels_.push_back(series.label);
      series_.push_back(std::move(series));
    }
    facts_.found.push_back(path);
    if (file.missing) facts_.found.push_back("missing values are filled by straight lines between their neighbours");
  }

  /// Whether a channel has a number.
  bool known(const TsSeries& series, std::int64_t channel) const {
    bool any = false;
    for (auto i = static_cast<std::size_t>(channel); i < series.values.size();
         i += static_cast<std::size_t>(facts_.channels))
      any = any || !std::isnan(series.values[i]);
    return any;
  }

  void fill_gaps(TsSeries& series, const std::string& where) const {
    CsvTable table;
    table.path = where;
    table.values.assign(series.values.begin(), series.values.end());
    table.rows = static_cast<std::int64_t>(series.values.size()) / facts_.channels;
    for (std::int64_t c = 0; c < facts_.channels; ++c) table.columns.push_back("channel " + std::to_string(c + 1));
    for (std::int64_t c = 0; c < facts_.channels; ++c)
      check(known(series, c), where, ": channel ", c + 1, " has only missing values; expected at least one number");
    fill_missing(table, "interpolate");
    series.values.assign(table.values.begin(), table.values.end());
  }

  /// Every channel less its mean over its standard deviation, both of all steps of the training file: a part of it that
  /// validates counts, so that a series is the same whatever the seed.
  void standardise() {
    for (std::int64_t c = 0; c < facts_.channels; ++c) {
      double sum = 0, squares = 0, count = 0;
      const auto each = [&](std::vector<float>& values, auto&& use) {
        for (auto i = static_cast<std::size_t>(c); i < values.size(); i += static_cast<std::size_t>(facts_.channels))
          use(values[i]);
      };
      const auto each_known = [&](auto&& use) {
        for (const auto split : {Split::train, Split::val})
          for (const auto item : items(split)) each(series_[item].values, use);
      };
      each_known([&](float& x) { sum += x, ++count; });
      const auto mean = sum / count;
      each_known([&](float& x) { squares += (x - mean) * (x - mean); });
      const auto deviation = squares > 0 ? std::sqrt(squares / count) : 1;
      for (auto& series : series_)
        each(series.values, [&](float& x) { x = static_cast<float>((x - mean) / deviation); });
    }
  }

  void moments(std::int64_t item, std::vector<float>& out) const {
    const auto& values = series_[item].values;
    const auto channels = static_cast<std::size_t>(facts_.channels);
    std::vector<double> sum(channels), squares(channels);
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum[i % channels] += values[i];
      squares[i % channels] += static_cast<double>(values[i]) * values[i];
    }
    out.clear();
    const auto count = static_cast<double>(steps(item));
    for (std::size_t c = 0; c < channels; ++c) {
      const auto mean = sum[c] / count;
      out.push_back(static_cast<float>(mean));
      out.push_back(static_cast<float>(std::sqrt(std::max(0.0, squares[c] / count - mean * mean))));
    }
  }

  std::vector<TsSeries> series_;
};

const RegisterSequenceData<Uea> registered({.name = "uea",
                                            .title = "UEA/UCR",
                                            .family = "time series",
                                            .summary = "any set of the time series classification archive",
                                            .source = "Bagnall et al. 2018; files: timeseriesclassification.com",
                                            .layouts = uea_layouts()});

}  // namespace
}  // namespace longwave
