#include "longwave/data/dna_files.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "longwave/base/check.h"
#include "longwave/data/dna_intervals.h"
#include "longwave/data/sequence_files.h"
#include "longwave/io/fasta.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

const std::string kTable = ".csv.gz", kPlainTable = ".csv";

/// The entry's class: the name of a folder or of a table of intervals; "" for anything else.
std::string class_of(const fs::directory_entry& entry) {
  const auto name = entry.path().filename().string();
  if (entry.is_directory()) return name;
  for (const auto& end : {kTable, kPlainTable})
    if (name.ends_with(end)) return name.substr(0, name.size() - end.size());
  return "";
}

/// Class -> its folder or table.
std::map<std::string, fs::path> class_entries(const fs::path& folder) {
  std::map<std::string, fs::path> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (const auto name = class_of(entry); !name.empty()) entries[name] = entry.path();
  check(!error && entries.size() >= 2, folder.string(), ": ", entries.size(),
        " classes; expected a folder of .txt files or a table .csv.gz for each of at least two classes");
  return entries;
}

void read_sequences(const fs::path& folder, std::int32_t label, DnaRecords& out) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  check(!files.empty(), folder.string(), ": no .txt files there");
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const auto text = read_text(file);
    const std::string_view line(text.data(), text.find_last_not_of(" \r\n") + 1);
    check(!line.empty(), file.string(), ": empty; expected one sequence");
    append_bases(line, file.string(), 1, out.bases.emplace_back());
    out.labels.push_back(label);
  }
}

/// An interval, and where its sequence goes.
struct Interval : DnaInterval {
  std::size_t item;
  std::string where;
};
using Intervals = std::multimap<std::string, Interval>;  // by chromosome

void read_intervals(const fs::path& table, std::int32_t label, DnaRecords& out, Intervals& intervals) {
  for (const auto& one : parse_intervals(read_text(table), table.string())) {
    intervals.emplace(one.chromosome, Interval{one, out.bases.size(), table.string() + ":" + std::to_string(one.line)});
    out.bases.emplace_back();
    out.labels.push_back(label);
  }
}

void cut(const Intervals& intervals, const fs::path& genome, DnaRecords& out) {
  const auto text = read_text(genome);
  for_each_fasta(text, genome.string(), [&](std::string_view title, std::string& bases) {
    const auto [first, last] = intervals.equal_range(chromosome_name(title));
    for (auto i = first; i != last; ++i) {
      const auto& interval = i->second;
      check(interval.end <= static_cast<std::int64_t>(bases.size()), interval.where, ": ends at ", interval.end,
            "; chromosome ", i->first, " of ", genome.string(), " has ", bases.size(), " bases");
      check(out.bases[interval.item].empty(), interval.where, ": chromosome ", i->first, " stands twice in ",
            genome.string(), "; expected the genome of one species");
      const auto piece = bases.substr(static_cast<std::size_t>(interval.start),
                                      static_cast<std::size_t>(interval.end - interval.start));
      out.bases[interval.item] = interval.reverse ? reverse_complement(piece) : piece;
    }
  });
  for (const auto& [name, interval] : intervals)
    check(!out.bases[interval.item].empty(), interval.where, ": ", genome.string(), " has no chromosome ", name);
}

}  // namespace

std::vector<std::string> benchmark_classes(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& [name, path] : class_entries(folder)) names.push_back(name);
  return names;
}

DnaRecords read_benchmark_part(const fs::path& folder, const std::vector<fs::path>& genomes) {
  const auto entries = class_entries(folder);
  check(genomes.size() <= 1 || genomes.size() == entries.size(), "data.genomes names ", genomes.size(),
        " files; expected one for each of the ", entries.size(), " classes of ", folder.string());
  DnaRecords records;
  std::vector<Intervals> intervals(std::max<std::size_t>(1, genomes.size()));  // of each genome
  std::int32_t label = 0;
  for (const auto& [name, path] : entries) {
    if (fs::is_directory(path))
      read_sequences(path, label, records);
    else
      read_intervals(path, label, records, intervals[genomes.size() > 1 ? static_cast<std::size_t>(label) : 0]);
    ++label;
  }
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (intervals[i].empty()) continue;
    if (genomes.empty())
      throw DataNotReady(folder.string() +
                         ": intervals, not sequences; needs genome=FILE, the FASTA file that they are of, or "
                         "genomes=[FILE, ...], one for each class (metadata.yaml names them)");
    cut(intervals[i], genomes[i], records);
  }
  return records;
}

DnaRecords read_fasta_classes(const std::vector<fs::path>& files) {
  DnaRecords records;
  for (std::size_t label = 0; label < files.size(); ++label)
    for_each_fasta(read_text(files[label]), files[label].string(), [&](std::string_view, std::string& bases) {
      records.bases.push_back(bases);
      records.labels.push_back(static_cast<std::int32_t>(label));
    });
  return records;
}

}  // namespace longwave
