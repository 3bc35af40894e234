// The protocol on small files of our own: borders, channel order, PEMS archives, what is said when something is wrong.
#include "longwave/data/forecast_data.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <cstring>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/data/split.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

class ForecastFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("longwave_forecast_data_test" + std::to_string(::getpid()));
    make_folder(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// 100 days: a counts up, OT counts down, b is always 5.
  fs::path own_file() const {
    std::string text = "date,a,OT,b\n";
    for (int i = 0; i < 100; ++i)
      text += std::to_string(1700000000 + i * 86400) + "," + std::to_string(i) + "," + std::to_string(-i) + ",5\n";
    write_file(folder_ / "own.csv", text);
    return folder_ / "own.csv";
  }

  ForecastDataOptions options(const std::string& data) const {
    ForecastDataOptions options;
    options.data = data;
    options.lookback = 8;
    options.horizon = 4;
    return options;
  }

  std::string error_of(const ForecastDataOptions& options) const {
    try {
      load_forecast_data(options, {folder_});
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(ForecastFiles, TargetIsLastConstantsAreZeroAndPartsOverlapByTheLookback) {
  const auto data = load_forecast_data(options(own_file()), {});
  EXPECT_EQ(data.columns, (std::vector<std::string>{"a", "b", "OT"}));
  EXPECT_EQ(data.targets, 3);
  EXPECT_EQ(data.train.rows, 70);
  EXPECT_EQ(data.val.first_row, 62);
  EXPECT_EQ(data.val.rows, 18);
  EXPECT_EQ(data.test.first_row, 72);
  EXPECT_EQ(data.windows(Split::test), 17);
  EXPECT_DOUBLE_EQ(data.mean[0], 34.5);
  EXPECT_DOUBLE_EQ(data.std[0], std::sqrt((70.0 * 70 - 1) / 12));
  EXPECT_EQ(data.std[1], 1);
  EXPECT_EQ(data.val.values[1], 0);
  EXPECT_FLOAT_EQ(data.test.values[0], static_cast<float>((72 - 34.5) / data.std[0]));
}

TEST_F(ForecastFiles, FeatureModesChooseColumns) {
  auto wish = options(own_file());
  wish.features = "S";
  EXPECT_EQ(load_forecast_data(wish, {}).columns, (std::vector<std::string>{"OT"}));
  wish.features = "MS";
  wish.target = "b";
  const auto data = load_forecast_data(wish, {});
  EXPECT_EQ(data.columns, (std::vector<std::string>{"a", "OT", "b"}));
  EXPECT_EQ(data.targets, 1);
}

TEST_F(ForecastFiles, MistakesAreSaidPlainly) {
  auto wish = options(own_file());
  wish.lookback = 90;
  EXPECT_NE(error_of(wish).find("the longest that fit: lookback + horizon 70 with a horizon of at most 10"),
            std::string::npos)
      << error_of(wish);
  wish = options(own_file());
  wish.target = "c";
  EXPECT_NE(error_of(wish).find("no column called c"), std::string::npos);
  EXPECT_NE(error_of(options("ETTh1")).find("longwave data get ETTh1"), std::string::npos);
  EXPECT_NE(error_of(options("ETTh7")).find("did you mean"), std::string::npos);
  EXPECT_NE(error_of(options("no/such.csv")).find("no such file"), std::string::npos);
  write_file(folder_ / "ETTh1.csv", read_file(own_file()));
  EXPECT_NE(error_of(options("ETTh1")).find("the ETT protocol needs 14400"), std::string::npos);
}

void append16(std::string& out, unsigned value) { out += {static_cast<char>(value), static_cast<char>(value >> 8)}; }
void append32(std::string& out, std::size_t value) {
  append16(out, value & 0xffff), append16(out, static_cast<unsigned>(value >> 16));
}

/// data.npy with [steps, 2, 3] float32: sensor 0 counts up, sensor 1 is missing at first.
std::string pems_archive(int steps) {
  std::string member("\x93NUMPY\1\0", 8);
  const auto header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(steps) + ", 2, 3), }\n";
  append16(member, static_cast<unsigned>(header.size()));
  member += header;
  for (int i = 0; i < steps; ++i)
    for (const float value : {float(i), 9.f, 9.f, i == 0 ? NAN : float(i % 2), 9.f, 9.f})
      member.append(reinterpret_cast<const char*>(&value), 4);
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(member.data()), member.size());
  const auto common = [&](std::string& out) {
    for (const unsigned value : {20u, 0u, 0u, 0u, 0u}) append16(out, value);
    append32(out, crc), append32(out, member.size()), append32(out, member.size());
    append16(out, 8), append16(out, 0);
  };
  std::string archive = "PK\3\4";
  common(archive);
  archive += "data.npy" + member;
  const auto directory = archive.size();
  archive += "PK\1\2";
  append16(archive, 20);
  common(archive);
  archive += std::string(14, '\0') + "data.npy" + "PK\5\6" + std::string(4, '\0');
  append16(archive, 1), append16(archive, 1);
  append32(archive, archive.size() - 12 - directory), append32(archive, directory), append16(archive, 0);
  return archive;
}

TEST_F(ForecastFiles, PemsTakesTheFirstFeatureFillsGapsAndDoesNotOverlap) {
  write_file(folder_ / "PEMS08.npz", pems_archive(100));
  const auto data = load_forecast_data(options("PEMS08"), {folder_});
  EXPECT_EQ(data.channels(), 2);
  EXPECT_EQ(data.train.rows, 60);
  EXPECT_EQ(data.val.first_row, 60);
  EXPECT_EQ(data.val.rows, 20);
  EXPECT_EQ(data.windows(Split::test), 9);
  EXPECT_DOUBLE_EQ(data.mean[0], 29.5);
  EXPECT_EQ(data.train.values[1], data.train.values[3]);  // backward from the first value there is
}

TEST_F(ForecastFiles, GapsOfOtherArchivesAreRefusedByTheirPlace) {
  write_file(folder_ / "mine.npz", pems_archive(100));
  EXPECT_NE(error_of(options((folder_ / "mine.npz").string()))
                .find("mine.npz: array data is NaN at time 0, sensor 1 (1 such cells); expected numbers"),
            std::string::npos);
}

TEST_F(ForecastFiles, DamagedArchivesAreRefused) {
  const auto good = pems_archive(100);
  for (const auto& bad : {good.substr(0, good.size() / 2), good.substr(0, 40) + "?" + good.substr(41), std::string()}) {
    write_file(folder_ / "PEMS08.npz", bad);
    EXPECT_NE(error_of(options("PEMS08")).find("PEMS08.npz: "), std::string::npos);
  }
}

TEST(Split, ShortestFileThatFitsFits) {
  EXPECT_NO_THROW(split_rows(Protocol::custom, 30, 15, 3, "f"));
  EXPECT_THROW(split_rows(Protocol::custom, 30, 15, 4, "f"), UserError);
  EXPECT_THROW(split_rows(Protocol::custom, 3, 1, 1, "f"), UserError);
}

}  // namespace
}  // namespace longwave
