#include "longwave/io/cifar.h"

#include "longwave/base/check.h"
#include "longwave/io/pickle.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

constexpr std::int64_t kClasses = 10;

void check_label(std::int64_t label, std::size_t record, const std::string& name) {
  check(label >= 0 && label < kClasses, name, ": record ", record, " has label ", label,
        "; expected 0 to 9 (is it CIFAR-10, and whole?)");
}

void parse_records(const std::string& bytes, const std::string& name, CifarImages& images) {
  constexpr std::size_t kRecord = 1 + CifarImages::kBytes;
  check(!bytes.empty() && bytes.size() % kRecord == 0, name, ": ", bytes.size(), " bytes; expected records of ",
        kRecord, " bytes (one label, 3072 pixels): the file is truncated or no CIFAR-10 file");
  for (std::size_t i = 0; i < bytes.size() / kRecord; ++i) {
    const auto label = static_cast<unsigned char>(bytes[i * kRecord]);
    check_label(label, i, name);
    images.labels.push_back(label);
    images.pixels.append(bytes, i * kRecord + 1, CifarImages::kBytes);
  }
}

void parse_batch(const std::string& bytes, const std::string& name, CifarImages& images) {
  const auto batch = parse_pickle(bytes, name);
  const auto &data = batch->at("data", name), &labels = batch->at("labels", name);
  check(data.kind == Pickle::Kind::array && labels.kind == Pickle::Kind::list && !labels.items.empty() &&
            data.text.size() == labels.items.size() * static_cast<std::size_t>(CifarImages::kBytes),
        name, ": 'data' has ", data.text.size(), " bytes and 'labels' ", labels.items.size(),
        " entries; expected 3072 bytes a label");
  for (std::size_t i = 0; i < labels.items.size(); ++i) {
    check(labels.items[i]->kind == Pickle::Kind::integer, name, ": label ", i, " is no integer");
    check_label(labels.items[i]->integer, i, name);
    images.labels.push_back(static_cast<std::int32_t>(labels.items[i]->integer));
  }
  images.pixels += data.text;
}

}  // namespace

void parse_cifar(const std::string& bytes, const std::string& name, CifarImages& images) {
  if (bytes.starts_with('\x80'))  // the first opcode of a pickle; as a label it would be 128
    parse_batch(bytes, name, images);
  else
    parse_records(bytes, name, images);
}

void read_cifar(const std::filesystem::path& path, CifarImages& images) {
  parse_cifar(read_text(path), path.string(), images);
}

}  // namespace longwave
