#pragma once

#include <string>
#include <vector>

namespace longwave {

/// Emphasis of a cell: the best of its row, and the runner-up.
enum class Mark { none, best, second };

struct TableCell {
  std::string text = {};
  Mark mark = Mark::none;
  std::string note = {};  // " [1]": follows the text, outside its emphasis
};

/// Marks of scores as printed: the best and the runner-up; what prints alike shares its mark. "" and "-" have none, and
/// where there is nothing to compare with there is no best.
std::vector<Mark> rank_marks(const std::vector<std::string>& printed, bool higher);

struct TableColumn {
  std::string name = {};
  std::string group = {};  // neighbours of the same group stand under one heading and are never parted; "": alone
  bool left = false;       // aligned left
  bool wraps = false;      // sentences, broken into lines where a page is narrow
};

/// A table ready to be printed. The first `labels` columns name the row and are repeated where a narrow terminal breaks
/// the table into blocks.
struct Table {
  std::vector<TableColumn> columns;
  std::size_t labels = 1;
  std::vector<std::vector<TableCell>> rows;
  std::vector<std::string> notes;  // footnotes, printed below
};

/// For a terminal of `width` characters: columns that do not fit go into further blocks below, sentences and notes are
/// wrapped. With `ansi` the best is bold and the runner-up underlined; without, they are followed by * and ~.
std::string terminal_table(const Table& table, std::size_t width, bool ansi);

/// Plain text, nothing wrapped.
std::string plain_table(const Table& table);

std::string markdown_table(const Table& table);

/// <table> alone; the notes are text of the page.
std::string html_table(const Table& table);

}  // namespace longwave
