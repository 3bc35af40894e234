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

/// Fetches an http, https or file URL to `path`. Bytes are collected in `path`.part, which is locked, and
/// `path`.part.from notes their address and the server's name of that version (ETag, Last-Modified). If both are there
/// already, the transfer goes on where it stopped: from the same address alone, and only if the server still has that
/// version or a checksum will be compared; otherwise it begins again. The file appears under its name only when it is
/// whole and its checksum is right. UserError: no network, refused, wrong checksum, full disk, another process at the
/// same .part; what was received stays there, except after a wrong checksum. Returns the SHA-256.
std::string download(const std::string& url, const std::filesystem::path& path, const DownloadOptions& options = {});

}  // namespace longwave
