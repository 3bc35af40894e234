#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longwave {

/// Bases [start, end) of a chromosome, start < end.
struct DnaInterval {
  std::string chromosome;  // see chromosome_name
  std::int64_t start, end;
  bool reverse;       // of the other strand
  std::int64_t line;  // of the table
};

/// The name that tables and FASTA titles share: "chr1" and "1 dna:chromosome" are 1, "chrM" is MT.
std::string chromosome_name(std::string_view title);

/// The intervals of a table with the header id,region,start,end,strand (Genomic Benchmarks). UserError with `name` and
/// line.
std::vector<DnaInterval> parse_intervals(std::string_view text, const std::string& name);

}  // namespace longwave
