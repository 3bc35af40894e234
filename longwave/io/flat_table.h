#pragma once

#include <flatbuffers/flatbuffers.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "longwave/base/check.h"

namespace longwave {

/// A table of a FlatBuffers message; fields by their number in the schema. Whatever is read is verified first:
/// UserError that begins with `where`.
class FlatTable {
 public:
  /// The outermost table. All three must outlive it; the verifier is one of `bytes`.
  FlatTable(std::string_view bytes, flatbuffers::Verifier& verifier, const std::string& where)
      : verifier_(&verifier), where_(&where) {
    const auto offset = verifier.VerifyOffset(0);
    expect(offset != 0);
    open(reinterpret_cast<const flatbuffers::Table*>(bytes.data() + offset));
  }

  template <class T>
  T number(int field, T otherwise = {}) const {
    expect(table_->VerifyField<T>(*verifier_, slot(field), sizeof(T)));
    return table_->GetField<T>(slot(field), otherwise);
  }
  std::optional<FlatTable> table(int field) const {
    const auto* inner = pointer<flatbuffers::Table>(field);
    return inner ? std::optional(FlatTable(*this, inner)) : std::nullopt;
  }
  std::string_view text(int field) const {
    const auto* string = pointer<flatbuffers::String>(field);
    expect(verifier_->VerifyString(string));
    return string ? std::string_view(string->c_str(), string->size()) : std::string_view();
  }
  std::vector<FlatTable> tables(int field) const {
    using Inner = flatbuffers::Offset<flatbuffers::Table>;
    const auto* vector = pointer<flatbuffers::Vector<Inner>>(field);
    expect(verifier_->VerifyVector(vector));
    std::vector<FlatTable> all;
    for (flatbuffers::uoffset_t i = 0; vector && i < vector->size(); ++i) {
      expect(verifier_->VerifyOffset(vector->Data() + i * sizeof(Inner), 0) != 0);
      all.push_back(FlatTable(*this, vector->Get(i)));
    }
    return all;
  }
  /// The bytes of a vector whose elements have this size.
  std::string_view elements(int field, std::size_t size) const {
    const auto* vector = pointer<flatbuffers::Vector<std::uint8_t>>(field);
    if (!vector) return {};
    expect(verifier_->VerifyVectorOrString(reinterpret_cast<const std::uint8_t*>(vector), size));
    return {reinterpret_cast<const char*>(vector->Data()), vector->size() * size};
  }
  /// UserError unless `ok`: the message is damaged.
  void expect(bool ok) const { check(ok, *where_, ": damaged (a description is not what it should be)"); }

 private:
  FlatTable(const FlatTable& outer, const flatbuffers::Table* table)
      : verifier_(outer.verifier_), where_(outer.where_) {
    open(table);
  }
  void open(const flatbuffers::Table* table) {
    table_ = table;
    expect(table->VerifyTableStart(*verifier_));
    verifier_->EndTable();
  }
  static flatbuffers::voffset_t slot(int field) { return static_cast<flatbuffers::voffset_t>(4 + 2 * field); }
  template <class T>
  const T* pointer(int field) const {
    expect(table_->VerifyOffset(*verifier_, slot(field)));
    return table_->GetPointer<const T*>(slot(field));
  }

  flatbuffers::Verifier* verifier_;
  const std::string* where_;
  const flatbuffers::Table* table_ = nullptr;
};

}  // namespace longwave
