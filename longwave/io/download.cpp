#include "longwave/io/download.h"

#include <curl/curl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "longwave/base/check.h"
#include "longwave/io/checksum.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

/// One transfer that appends to a file.
struct Transfer {
  CURL* handle = nullptr;
  std::FILE* file = nullptr;
  std::int64_t start = 0;
  int disk_error = 0;
  bool stopped = false;
  const DownloadOptions* options = nullptr;
};

std::size_t take(char* data, std::size_t one, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto written = std::fwrite(data, one, count, transfer.file);
  if (written != count) transfer.disk_error = errno;
  return written * one;
}

int report(void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!transfer.options->progress) return 0;
  transfer.stopped = !transfer.options->progress(transfer.start + now, total > 0 ? transfer.start + total : 0);
  return transfer.stopped;
}

void configure(Transfer& transfer, const std::string& url, char* error) {
  auto* const handle = transfer.handle;
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "longwave");
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, report);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  if (transfer.start > 0) curl_easy_setopt(handle, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.start));
}

[[noreturn]] void refuse(CURLcode code, const Transfer& transfer, const std::string& url, const fs::path& part,
                         const std::string& detail) {
  if (transfer.stopped) throw Interrupted(url + ": stopped; run the command again to go on");
  if (code == CURLE_WRITE_ERROR && transfer.disk_error)
    fail(part.string(), ": cannot be written: ", std::strerror(transfer.disk_error));
  const char* advice = "; run the command again to go on where it stopped";
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT)
    advice = "; is there a network? A file fetched elsewhere can simply be put in the data folder";
  if (code == CURLE_HTTP_RETURNED_ERROR || code == CURLE_FILE_COULDNT_READ_FILE)
    advice = "; give another address with --url";
  fail(url, ": ", detail.empty() ? curl_easy_strerror(code) : detail.c_str(), advice);
}

/// Brings `part` to its full length. Returns false if the server cannot go on from there: it knows no ranges, or has
/// nothing after the end of `part`.
bool fetch(const std::string& url, const fs::path& part, const DownloadOptions& options) {
  std::error_code ignored;
  Transfer transfer;
  transfer.options = &options;
  const auto size = fs::file_size(part, ignored);
  transfer.start = ignored ? 0 : static_cast<std::int64_t>(size);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(part.c_str(), "ab"), std::fclose);
  check(file != nullptr, part.string(), ": cannot be written: ", std::strerror(errno));
  transfer.file = file.get();
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  transfer.handle = handle.get();
  char detail[CURL_ERROR_SIZE] = "";
  configure(transfer, url, detail);
  const auto code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (transfer.start > 0 && (status == 416 || code == CURLE_RANGE_ERROR)) return false;
  check(std::fflush(file.get()) == 0 && ::fsync(::fileno(file.get())) == 0, part.string(),
        ": cannot be written: ", std::strerror(errno));
  if (fs::file_size(part, ignored) == 0) fs::remove(part, ignored);
  if (code != CURLE_OK) refuse(code, transfer, url, part, detail);
  return true;
}

}  // namespace

std::string download(const std::string& url, const fs::path& path, const DownloadOptions& options) {
  static const auto ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  check(ready == CURLE_OK, "libcurl cannot be started");
  auto part = path;
  part += ".part";
  std::error_code error;
  const bool resumed = fs::exists(part, error);
  const bool continued = fetch(url, part, options);
  check(fs::exists(part, error), url, ": the server sent an empty file");
  auto found = sha256_of_file(part);
  const bool wrong = !options.sha256.empty() && found != options.sha256;
  if (resumed && (wrong || (!continued && options.sha256.empty()))) {  // begin again without the old part
    fs::remove(part, error);
    return download(url, path, options);
  }
  if (wrong) {
    fs::remove(part, error);
    fail(url, ": wrong checksum: sha256 is ", found, ", expected ", options.sha256, "; the file was not kept");
  }
  fs::rename(part, path, error);
  check(!error, path.string(), ": cannot be put in place: ", error.message());
  return found;
}

}  // namespace longwave
