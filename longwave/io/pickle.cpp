#include "longwave/io/pickle.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string_view>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"

namespace longwave {
namespace {

using Kind = Pickle::Kind;
using Reference = Pickle::Reference;

constexpr int kDepth = 100;

Reference make(Kind kind, std::string text = "", std::int64_t integer = 0) {
  auto value = std::make_shared<Pickle>();
  value->kind = kind;
  value->text = std::move(text);
  value->integer = integer;
  return value;
}

/// The stack machine of the format.
class Machine {
 public:
  Machine(const std::string& bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  Reference run() {
    for (;;) {
      const auto code = static_cast<unsigned char>(take(1)[0]);
      if (code == '.') return pop();
      if (!constant(code) && !container(code) && !memory(code) && !object(code)) {
        char shown[8];
        std::snprintf(shown, sizeof shown, "0x%02x", static_cast<unsigned>(code));
        damaged("operation ", shown, " is not one of plain data");
      }
    }
  }

 private:
  template <class... Parts>
  [[noreturn]] void damaged(const Parts&... parts) const {
    fail(name_, ": byte ", at_, " of the pickle: ", parts..., "; the file is damaged or no data batch");
  }

  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size() - at_) damaged("it ends too early");
    at_ += size;
    return std::string_view(bytes_).substr(at_ - size, size);
  }
  std::uint64_t number(std::size_t width) {  // little-endian
    std::uint64_t value = 0;
    const auto digits = take(width);
    for (std::size_t i = 0; i < width; ++i)
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(digits[i])) << 8 * i;
    return value;
  }
  std::string line() {
    const auto end = bytes_.find('\n', at_);
    if (end == std::string::npos) damaged("it ends too early");
    const std::string text(take(end - at_));
    take(1);
    return text;
  }

  bool push(Reference value) {
    stack_.push_back(std::move(value));
    return true;
  }
  Reference pop() {
    if (stack_.empty() || (!marks_.empty() && stack_.size() == marks_.back())) damaged("nothing to take");
    auto value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }
  const Reference& top() const {
    if (stack_.empty()) damaged("nothing to take");
    return stack_.back();
  }
  /// What was pushed since the last mark.
  std::vector<Reference> since_mark() {
    if (marks_.empty()) damaged("no mark");
    std::vector<Reference> values(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return values;
  }

  void put_in(const Reference& container, std::vector<Reference> values) {
    if (container->inside) damaged("a change of a value that is in use");
    for (auto& value : values) {
      if (value == container) damaged("a value within itself");
      value->inside = true;
      container->depth = std::max(container->depth, value->depth + 1);
      container->items.push_back(std::move(value));
    }
    if (container->depth > kDepth) damaged("values nested too deep");
  }
  bool add(std::vector<Reference> values, Kind kind) {
    const auto container = top();
    if (container->kind != kind || (kind == Kind::dictionary && values.size() % 2)) damaged("wrong container");
    put_in(container, std::move(values));
    return true;
  }
  bool tuple(std::vector<Reference> values) {
    const auto list = make(Kind::list);
    put_in(list, std::move(values));
    return push(list);
  }
  bool tuple_of(std::size_t count) {
    std::vector<Reference> values(count);
    while (count > 0) values[--count] = pop();
    return tuple(std::move(values));
  }

  bool constant(unsigned char code) {
    switch (code) {
      case 0x80:
        take(1);
        return true;  // protocol
      case 0x95:
        take(8);
        return true;  // frame
      case 'N':
        return push(make(Kind::none));
      case 0x88:
      case 0x89:
        return push(make(Kind::integer, "", code == 0x88));
      case 'K':
        return push(make(Kind::integer, "", static_cast<std::int64_t>(number(1))));
      case 'M':
        return push(make(Kind::integer, "", static_cast<std::int64_t>(number(2))));
      case 'J':
        return push(make(Kind::integer, "", static_cast<std::int32_t>(number(4))));
      case 'U':
      case 0x8c:
        return push(make(Kind::text, std::string(take(number(1)))));
      case 'T':
      case 'X':
        return push(make(Kind::text, std::string(take(number(4)))));
      case 'C':
        return push(make(Kind::bytes, std::string(take(number(1)))));
      case 'B':
        return push(make(Kind::bytes, std::string(take(number(4)))));
      case 0x8e:
        return push(make(Kind::bytes, std::string(take(number(8)))));
      default:
        return false;
    }
  }

  bool container(unsigned char code) {
    switch (code) {
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case ']':
        return push(make(Kind::list));
      case '}':
        return push(make(Kind::dictionary));
      case ')':
        return tuple({});
      case 't':
        return tuple(since_mark());
      case 0x85:
      case 0x86:
      case 0x87:
        return tuple_of(code - 0x84u);
      case 'a': {
        auto value = pop();
        return add({value}, Kind::list);
      }
      case 'e':
        return add(since_mark(), Kind::list);
      case 's': {
        auto value = pop(), key = pop();
        return add({key, value}, Kind::dictionary);
      }
      case 'u':
        return add(since_mark(), Kind::dictionary);
      default:
        return false;
    }
  }

  bool memory(unsigned char code) {
    switch (code) {
      case 'q':
        memo_[number(1)] = top();
        return true;
      case 'r':
        memo_[number(4)] = top();
        return true;
      case 0x94: {
        const auto next = memo_.size();
        memo_[next] = top();
        return true;
      }
      case 'h':
        return push(recall(number(1)));
      case 'j':
        return push(recall(number(4)));
      default:
        return false;
    }
  }
  Reference recall(std::uint64_t key) const {
    const auto known = memo_.find(key);
    if (known == memo_.end()) damaged("nothing remembered as ", key);
    return known->second;
  }

  bool object(unsigned char code) {
    switch (code) {
      case 'c': {
        auto module = line();
        return named(module + "." + line());
      }
      case 0x93: {
        auto word = pop(), module = pop();
        return named(module->text + "." + word->text);
      }
      case 'R': {
        auto values = pop(), function = pop();
        return call(*function, *values);
      }
      case 'b': {
        auto state = pop();
        return build(*top(), *state);
      }
      default:
        return false;
    }
  }
  bool named(const std::string& full) {
    for (const char* known :
         {"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"})
      if (full == known) return push(make(Kind::name, full));
    fail(name_, ": the pickle asks for ", full, "; only plain values and NumPy arrays of bytes are read");
  }
  bool call(const Pickle& function, const Pickle& values) {
    if (function.kind != Kind::name || values.kind != Kind::list) damaged("a call of something that is no function");
    if (function.text.ends_with("_reconstruct")) return push(make(Kind::array));
    if (function.text != "numpy.dtype" || values.items.empty()) damaged("a call of ", function.text);
    return push(make(Kind::type, values.items[0]->text));
  }
  /// Completes an array from (version, shape, type, Fortran order, content).
  bool build(Pickle& object, const Pickle& state) {
    if (object.kind == Kind::type) return true;
    if (object.kind != Kind::array || state.items.size() != 5) damaged("a state of something that is no array");
    const auto &type = *state.items[2], &fortran = *state.items[3], &content = *state.items[4];
    if (type.kind != Kind::type || type.text != "u1" || fortran.integer != 0)
      fail(name_, ": NumPy array of type ", type.text, "; expected unsigned bytes (u1) in C order");
    object.text = content.text;
    return true;
  }

  const std::string& bytes_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::vector<Reference> stack_;
  std::vector<std::size_t> marks_;
  std::map<std::uint64_t, Reference> memo_;
};

}  // namespace

const Pickle& Pickle::at(const std::string& key, const std::string& name) const {
  check(kind == Kind::dictionary, name, ": the pickle is no dictionary");
  std::vector<std::string> keys;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->text == key) return *items[i + 1];
    keys.push_back(items[i]->text);
  }
  fail(name, ": the pickle has no '", key, "'; it has ", keys.empty() ? "nothing" : join(keys));
}

Reference parse_pickle(const std::string& bytes, const std::string& name) { return Machine(bytes, name).run(); }

}  // namespace longwave
