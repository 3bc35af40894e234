#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

/// Labelled DNA sequences: letters A, C, G, T, N.
struct DnaRecords {
  std::vector<std::string> bases;
  std::vector<std::int32_t> labels;
};

/// One part (train or test) of a set of the Genomic Benchmarks (Gresova et al. 2023): a folder with, for every class, a
/// folder of .txt files of one sequence each, or a table CLASS.csv.gz of intervals of a genome. Classes are numbered by
/// name. `genomes`: a FASTA file of all intervals, or one for each class; DataNotReady if intervals have none.
/// UserError names file and line of what is wrong.
DnaRecords read_benchmark_part(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& genomes);

/// The names of the classes of such a folder.
std::vector<std::string> benchmark_classes(const std::filesystem::path& folder);

/// All records of FASTA files, one file a class, in the order given.
DnaRecords read_fasta_classes(const std::vector<std::filesystem::path>& files);

}  // namespace longwave
