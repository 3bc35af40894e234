#include "longwave/report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "longwave/report/svg.h"

namespace longwave {
namespace {

constexpr std::size_t kGap = 2;  // spaces between columns

/// Characters on screen of UTF-8 text.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string marked(const TableCell& cell, bool ansi) {
  const auto sign = ansi || cell.mark == Mark::none ? "" : cell.mark == Mark::best ? "*" : "~";
  return cell.text + sign + cell.note;
}

/// Broken between words into lines of at most `room` characters where words allow; all but the first are indented.
std::vector<std::string> word_lines(const std::string& text, std::size_t room, const std::string& indent) {
  std::vector<std::string> lines(1);
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(' ', begin), text.size());
    const auto word = text.substr(begin, end - begin);
    auto& line = lines.back();
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) > room)
      lines.push_back(indent + word);
    else
      line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return lines;
}

std::string padded(const std::string& text, std::size_t width, bool left) {
  const auto have = columns_of(text);
  const std::string space(width > have ? width - have : 0, ' ');
  return left ? text + space : space + text;
}

std::string with_ansi(const std::string& text, Mark mark) {
  return mark == Mark::best ? "\033[1m" + text + "\033[0m" : mark == Mark::second ? "\033[4m" + text + "\033[0m" : text;
}

/// Columns that stand together: [first, last).
struct Span {
  std::size_t first, last;
};

std::vector<Span> spans(const Table& table, std::size_t first, std::size_t last) {
  std::vector<Span> list;
  for (std::size_t c = first; c < last; ++c) {
    const bool joins =
        c > first && !table.columns[c].group.empty() && table.columns[c].group == table.columns[c - 1].group;
    if (joins)
      ++list.back().last;
    else
      list.push_back({c, c + 1});
  }
  return list;
}

class TextTable {
 public:
  TextTable(const Table& table, std::size_t room, bool ansi) : table_(table), room_(room), ansi_(ansi) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      widths_.push_back(columns_of(table.columns[c].name));
      for (const auto& row : table.rows) widths_[c] = std::max(widths_[c], columns_of(marked(row[c], ansi)));
    }
    // A heading wider than its columns widens the last of them.
    for (const auto& span : spans(table, table.labels, table.columns.size())) {
      const auto heading = columns_of(table.columns[span.first].group), have = width(span);
      if (heading > have) widths_[span.last - 1] += heading - have;
    }
    for (std::size_t c = table.labels; c < table.columns.size(); ++c)
      if (table.columns[c].wraps) widths_[c] = std::min(widths_[c], room_for_words(c));
  }

  std::string str() const {
    const auto all = spans(table_, table_.labels, table_.columns.size());
    std::string text;
    for (std::size_t i = 0; i < all.size() || (all.empty() && i == 0);) {
      std::vector<Span> block;
      auto used = label_width();
      while (i < all.size() && (block.empty() || used + kGap + width(all[i]) <= room_)) {
        used += kGap + width(all[i]);
        block.push_back(all[i++]);
      }
      if (!text.empty()) text += "\n";
      text += block_text(block, used);
      if (all.empty()) break;
    }
    return text + notes();
  }

 private:
  std::size_t width(const Span& span) const {
    std::size_t sum = 0;
    for (auto c = span.first; c < span.last; ++c) sum += widths_[c] + (c > span.first ? kGap : 0);
    return sum;
  }
  std::size_t label_width() const { return table_.labels ? width({0, table_.labels}) : 0; }

  /// Characters a line for a column of sentences: what the other columns leave, or if that is little, a block of its
  /// own.
  std::size_t room_for_words(std::size_t column) const {
    constexpr std::size_t kLeast = 40;
    const auto others = width({0, table_.columns.size()}) - widths_[column], alone = label_width() + kGap;
    if (room_ >= others + kLeast) return room_ - others;
    return std::max(kLeast, room_ > alone ? room_ - alone : 0);
  }

  /// The lines of a row whose sentences are broken.
  std::vector<std::vector<TableCell>> lines_of(const std::vector<TableCell>& row,
                                               const std::vector<std::size_t>& columns) const {
    std::vector<std::vector<TableCell>> lines{row};
    for (const auto c : columns) {
      if (!table_.columns[c].wraps) continue;
      const auto parts = word_lines(row[c].text, widths_[c], "");
      if (lines.size() < parts.size()) lines.resize(parts.size(), std::vector<TableCell>(row.size()));
      for (std::size_t i = 0; i < parts.size(); ++i) lines[i][c].text = parts[i];
    }
    return lines;
  }

  std::string block_text(const std::vector<Span>& block, std::size_t used) const {
    std::vector<std::size_t> columns;
    for (std::size_t c = 0; c < table_.labels; ++c) columns.push_back(c);
    for (const auto& span : block)
      for (auto c = span.first; c < span.last; ++c) columns.push_back(c);
    std::string text;
    if (std::any_of(block.begin(), block.end(), [&](const Span& s) { return !table_.columns[s.first].group.empty(); }))
      text += group_line(block);
    text += line(columns, [&](std::size_t c) { return TableCell{table_.columns[c].name}; });
    std::string rule;
    for (std::size_t i = 0; i < used; ++i) rule += "-";
    text += rule + "\n";
    for (const auto& row : table_.rows)
      for (const auto& part : lines_of(row, columns)) text += line(columns, [&](std::size_t c) { return part[c]; });
    return text;
  }

  std::string group_line(const std::vector<Span>& block) const {
    std::string text(label_width(), ' ');
    for (const auto& span : block) {
      const auto& name = table_.columns[span.first].group;
      const auto room = width(span), have = columns_of(name);
      text += std::string(kGap + (room - have + 1) / 2, ' ') + name + std::string((room - have) / 2, ' ');
    }
    return trimmed(text) + "\n";
  }

  template <class CellOf>
  std::string line(const std::vector<std::size_t>& columns, CellOf cell_of) const {
    std::string text;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto cell = cell_of(columns[i]);
      const auto bare = marked(cell, ansi_);
      auto shown = padded(bare, widths_[columns[i]], table_.columns[columns[i]].left);
      if (ansi_ && cell.mark != Mark::none)
        shown.replace(shown.find(bare), cell.text.size(), with_ansi(cell.text, cell.mark));
      text += (i ? std::string(kGap, ' ') : "") + shown;
    }
    return trimmed(text) + "\n";
  }

  static std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

  std::string notes() const {
    std::string text;
    const auto any = [&](Mark mark) {
      return std::any_of(table_.rows.begin(), table_.rows.end(), [&](const auto& row) {
        return std::any_of(row.begin(), row.end(), [&](const TableCell& cell) { return cell.mark == mark; });
      });
    };
    if (!ansi_ && any(Mark::best)) text += any(Mark::second) ? "* best, ~ runner-up\n" : "* best\n";
    for (const auto& note : table_.notes)
      for (const auto& line : word_lines(note, room_, "  ")) text += line + "\n";
    return text;
  }

  const Table& table_;
  std::size_t room_;
  bool ansi_;
  std::vector<std::size_t> widths_;
};

std::string escape_markdown(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '_' || c == '<') safe += '\\';
    safe += c;
  }
  return safe;
}

std::string emphasised(const std::string& text, Mark mark, const char* open, const char* close) {
  return mark == Mark::best ? open + text + close : mark == Mark::second ? "<u>" + text + "</u>" : text;
}

}  // namespace

std::vector<Mark> rank_marks(const std::vector<std::string>& printed, bool higher) {
  std::vector<double> costs;
  std::set<double> ranks;
  for (const auto& text : printed) {
    const double value = text.empty() || text == "-" ? std::nan("") : std::stod(text);
    costs.push_back(higher ? -value : value);
    if (std::isfinite(value)) ranks.insert(costs.back());
  }
  std::vector<Mark> marks(printed.size(), Mark::none);
  if (ranks.size() < 2) return marks;
  for (std::size_t i = 0; i < marks.size(); ++i)
    if (costs[i] == *ranks.begin())
      marks[i] = Mark::best;
    else if (costs[i] == *std::next(ranks.begin()))
      marks[i] = Mark::second;
  return marks;
}

std::string terminal_table(const Table& table, std::size_t width, bool ansi) {
  return TextTable(table, width, ansi).str();
}

std::string plain_table(const Table& table) {
  return TextTable(table, std::numeric_limits<std::size_t>::max(), false).str();
}

std::string markdown_table(const Table& table) {
  std::string text = "|", rule = "|";
  for (const auto& column : table.columns) {
    text += " " + escape_markdown(column.group.empty() ? column.name : column.group + " " + column.name) + " |";
    rule += column.left ? "---|" : "---:|";
  }
  text += "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    text += "|";
    for (const auto& cell : row)
      text += " " + emphasised(escape_markdown(cell.text), cell.mark, "**", "**") + escape_markdown(cell.note) + " |";
    text += "\n";
  }
  for (const auto& note : table.notes) text += "\n" + escape_markdown(note) + "\n";
  return text;
}

std::string html_table(const Table& table) {
  const auto all = spans(table, table.labels, table.columns.size());
  const bool grouped =
      std::any_of(table.columns.begin(), table.columns.end(), [](const TableColumn& c) { return !c.group.empty(); });
  const auto classes = [&](std::size_t c) {
    std::string names;
    const auto add = [&](bool has, const char* name) {
      if (has) names += (names.empty() ? "" : " ") + std::string(name);
    };
    add(table.columns[c].left, "left");
    add(table.columns[c].wraps, "wrap");
    add(grouped && std::any_of(all.begin(), all.end(), [&](const Span& s) { return s.first == c; }), "first");
    return names.empty() ? "" : " class=\"" + names + "\"";
  };
  std::string html = "<table>\n<thead>\n";
  if (grouped) {
    html += "<tr>";
    for (std::size_t c = 0; c < table.labels; ++c) html += "<th></th>";
    for (const auto& span : all)
      html += fmt::format("<th class=\"group first\" colspan=\"{}\" scope=\"colgroup\">{}</th>", span.last - span.first,
                          escape_xml(table.columns[span.first].group));
    html += "</tr>\n";
  }
  html += "<tr>";
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    html += "<th" + classes(c) + " scope=\"col\">" + escape_xml(table.columns[c].name) + "</th>";
  html += "</tr>\n</thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) {
      const auto text = emphasised(escape_xml(row[c].text), row[c].mark, "<b>", "</b>");
      html += "<td" + classes(c) + ">" + text + escape_xml(row[c].note) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody>\n</table>\n";
}

}  // namespace longwave
