#include "longwave/io/fasta.h"

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.h"

namespace longwave {
namespace {

using Records = std::vector<std::pair<std::string, std::string>>;

Records read(const std::string& text) {
  Records records;
  for_each_fasta(text, "f.fa",
                 [&](std::string_view title, std::string& bases) { records.emplace_back(std::string(title), bases); });
  return records;
}
std::string error_of(const std::string& text) {
  return message_of([&] { read(text); });
}

TEST(Fasta, JoinsLinesAndBringsLettersToFive) {
  EXPECT_EQ(read(">one x\r\nACGT\r\nacgu\r\n\r\n>two\nNRYk"), (Records{{"one x", "ACGTACGT"}, {"two", "NNNN"}}));
}

TEST(Fasta, MistakesNameLineAndColumn) {
  EXPECT_EQ(error_of(">a\nACGT\nACXT\n"), "f.fa:3:3: 'X' is no base; expected A, C, G, T or N");
  EXPECT_EQ(error_of(">a\nAC\xc3\xa9\n"), "f.fa:2:3: byte 195 is no base; expected A, C, G, T or N");
  EXPECT_EQ(error_of("ACGT\n"), "f.fa:1: expected a line that begins with '>' first (is it a FASTA file?)");
  EXPECT_EQ(error_of(">a\nAC\n>b\n"), "f.fa:3: record without bases");
  EXPECT_EQ(error_of(""), "f.fa: empty file; expected FASTA records");
}

TEST(Fasta, ReverseComplementTwiceIsTheSame) {
  EXPECT_EQ(reverse_complement("AACGN"), "NCGTT");
  EXPECT_EQ(reverse_complement(reverse_complement("ACCGTTNA")), "ACCGTTNA");
}

}  // namespace
}  // namespace longwave
