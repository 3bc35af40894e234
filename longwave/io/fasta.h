#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace longwave {

/// Calls `take` with the title (without '>') and the bases of every record, in order. Bases become upper-case A, C, G,
/// T or N; U is T, and the other ambiguity letters of IUPAC are N. UserError with line and column for any other letter,
/// for bases before the first title, and for a record without bases.
void for_each_fasta(std::string_view text, const std::string& name,
                    const std::function<void(std::string_view title, std::string& bases)>& take);

/// Appends the bases of one line, in that form; `name` and line `number` are for messages.
void append_bases(std::string_view line, const std::string& name, std::int64_t number, std::string& bases);

/// The opposite strand in its own direction: reversed, A and T, C and G exchanged.
std::string reverse_complement(std::string_view bases);

}  // namespace longwave
