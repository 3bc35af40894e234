#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace longwave {

/// A value of a Python pickle: what data files of nested plain values hold.
struct Pickle {
  enum class Kind { none, integer, text, bytes, list, dictionary, name, type, array };
  using Reference = std::shared_ptr<Pickle>;

  Kind kind = Kind::none;
  std::int64_t integer = 0;      // also false and true
  std::string text;              // of text, name and type; the content of bytes and arrays
  std::vector<Reference> items;  // of a list, in order; of a dictionary: key, value, key, value, ...
  int depth = 0;                 // of the nesting below
  bool inside = false;           // another value has it: no more changes

  /// The value of a key that is a text. UserError, with the keys there are, if this is no dictionary or has no such
  /// key; `name` stands for the file.
  const Pickle& at(const std::string& key, const std::string& name) const;
};

/// Reads a pickle of protocol 2 to 4 with dictionaries, lists, tuples (as lists), integers, text, bytes, None, booleans
/// and NumPy arrays of unsigned bytes. Nothing is ever executed: any other class or function is a UserError, as are
/// damage and an early end. Python 2 strings are text. Format: Lib/pickletools.py of Python.
Pickle::Reference parse_pickle(const std::string& bytes, const std::string& name);

}  // namespace longwave
