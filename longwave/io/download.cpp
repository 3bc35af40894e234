#include "longwave/io/download.h"

#include <curl/curl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/io/checksum.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

/// What was received so far, locked against other processes, and where it is from.
class Part {
 public:
  explicit Part(const fs::path& target) : path_(target.string() + ".part"), origin_path_(path_.string() + ".from") {
    do open();
    while (!in_place());  // another process may have finished it between the opening and the lock
    std::error_code unknown;
    if (!fs::exists(origin_path_, unknown)) return;
    std::istringstream lines(read_file(origin_path_));
    std::getline(lines, address_);
    std::getline(lines, version_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    if (in_place() && size() == 0) remove();
  }

  const fs::path& path() const { return path_; }
  const std::string& version() const { return version_; }

  std::int64_t size() const {
    std::error_code unknown;
    const auto bytes = fs::file_size(path_, unknown);
    return unknown ? 0 : static_cast<std::int64_t>(bytes);
  }

  /// Whether more of that address may be put behind it: nothing else shows that the file there is still the same one.
  bool can_go_on(const std::string& address, bool checked) const {
    return size() > 0 && address_ == address && (checked || !version_.empty());
  }

  /// Forgets what is there, for bytes of that address.
  void begin(const std::string& address, const std::string& version) {
    written(::ftruncate(::fileno(file_.get()), 0) == 0);
    address_ = address;
    version_ = version;
    write_file(origin_path_, address + "\n" + version + "\n");
  }

  void append(const char* data, std::size_t bytes) { written(std::fwrite(data, 1, bytes, file_.get()) == bytes); }
  void sync() { written(std::fflush(file_.get()) == 0 && ::fsync(::fileno(file_.get())) == 0); }

  void remove() {
    std::error_code ignored;
    fs::remove(path_, ignored);
    fs::remove(origin_path_, ignored);
  }

  void put_in_place(const fs::path& target) {
    std::error_code error;
    fs::rename(path_, target, error);
    check(!error, target.string(), ": cannot be put in place: ", error.message());
    fs::remove(origin_path_, error);
  }

 private:
  void open() {
    file_.reset(std::fopen(path_.c_str(), "ab"));
    written(file_ != nullptr);
    check(::flock(::fileno(file_.get()), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, path_.string(),
          ": another process is downloading this file; wait for it or stop it");
  }

  void written(bool ok) const { check(ok, path_.string(), ": cannot be written: ", std::strerror(errno)); }

  /// Whether the open file still has that name.
  bool in_place() const {
    struct stat opened, named;
    return file_ != nullptr && ::fstat(::fileno(file_.get()), &opened) == 0 && ::stat(path_.c_str(), &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
  }

  fs::path path_, origin_path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
  std::string address_, version_;  // as a server names it: an entity tag or a date
};

/// One transfer that appends to a part.
struct Transfer {
  CURL* handle = nullptr;
  Part* part = nullptr;
  const std::string* url = nullptr;
  std::int64_t start = 0;
  std::string disk_error;
  bool begun = false, stopped = false;
  const DownloadOptions* options = nullptr;
};

/// What `If-Range` may name; "" if the server says nothing that will do.
std::string version_of(CURL* handle) {
  for (const char* name : {"ETag", "Last-Modified"}) {
    curl_header* header = nullptr;
    if (curl_easy_header(handle, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) continue;
    if (const std::string value = header->value; !value.starts_with("W/")) return value;  // W/: a weak tag
  }
  return "";
}

std::size_t take(char* data, std::size_t one, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {  // nothing may be thrown through libcurl
    if (!transfer.begun && transfer.start == 0) transfer.part->begin(*transfer.url, version_of(transfer.handle));
    transfer.begun = true;
    transfer.part->append(data, one * count);
    return one * count;
  } catch (const UserError& error) {
    transfer.disk_error = error.what();
    return 0;
  }
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

[[noreturn]] void refuse(CURLcode code, const Transfer& transfer, const std::string& url, const std::string& detail) {
  if (transfer.stopped) throw Interrupted(url + ": stopped; run the command again to go on");
  check(transfer.disk_error.empty(), transfer.disk_error);
  const char* advice = "; run the command again to go on where it stopped";
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT)
    advice = "; is there a network? A file fetched elsewhere can simply be put in the data folder";
  if (code == CURLE_HTTP_RETURNED_ERROR || code == CURLE_FILE_COULDNT_READ_FILE)
    advice = "; give another address with --url";
  fail(url, ": ", detail.empty() ? curl_easy_strerror(code) : detail.c_str(), advice);
}

/// Brings `part` to its full length. Returns false if the server cannot go on from there: it knows no ranges, has
/// another file by now, or has nothing after the end of `part`.
bool fetch(const std::string& url, Part& part, const DownloadOptions& options) {
  Transfer transfer;
  transfer.options = &options;
  transfer.part = &part;
  transfer.url = &url;
  transfer.start = part.can_go_on(url, !options.sha256.empty()) ? part.size() : 0;
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  transfer.handle = handle.get();
  char detail[CURL_ERROR_SIZE] = "";
  configure(transfer, url, detail);
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, curl_slist_free_all);
  if (transfer.start > 0 && !part.version().empty()) {
    headers.reset(curl_slist_append(nullptr, ("If-Range: " + part.version()).c_str()));
    curl_easy_setopt(transfer.handle, CURLOPT_HTTPHEADER, headers.get());
  }
  const auto code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  const bool cannot = status == 416 || code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME;
  if (transfer.start > 0 && cannot) return false;
  part.sync();
  if (code != CURLE_OK) refuse(code, transfer, url, detail);
  check(transfer.begun || transfer.start > 0, url, ": the server sent an empty file");
  return true;
}

}  // namespace

std::string download(const std::string& url, const fs::path& path, const DownloadOptions& options) {
  static const auto ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  check(ready == CURLE_OK, "libcurl cannot be started");
  Part part(path);
  for (;;) {
    const bool resumed = part.can_go_on(url, !options.sha256.empty());
    const bool continued = fetch(url, part, options);
    const auto found = sha256_of_file(part.path());
    const bool wrong = !options.sha256.empty() && found != options.sha256;
    if (resumed && (wrong || (!continued && options.sha256.empty()))) {  // begin again without the old part
      part.begin(url, "");
      continue;
    }
    if (wrong) {
      part.remove();
      fail(url, ": wrong checksum: sha256 is ", found, ", expected ", options.sha256, "; the file was not kept");
    }
    part.put_in_place(path);
    return found;
  }
}

}  // namespace longwave
