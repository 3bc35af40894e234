#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace longwave {

struct DownloadOptions {
  std::string sha256;  // expected of the whole file; "" = not checked
  /// Called now and then with bytes on disk and bytes expected (0 = not known); returns false to stop.
  std::function<bool(std::int64_t, std::int64_t)> progress;
};

/// Fetches an http, https or file URL to `path`. Bytes are collected in `path`.part; if that is there already, the
/// transfer goes on where it stopped (a server that cannot do so begins again). The file appears under its name only
/// when it is whole and its checksum is right. UserError: no network, refused, wrong checksum, full disk; what was
/// received stays in .part, except after a wrong checksum. Returns the SHA-256.
std::string download(const std::string& url, const std::filesystem::path& path, const DownloadOptions& options = {});

}  // namespace longwave
