// Downloads from a small HTTP server on this machine: resuming, checksums, and what is said when it fails.
#include "longwave/io/download.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/io/checksum.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

// /cut sends half of the file under its full length and hangs up; /plain knows no ranges.
constexpr const char* kServer = R"(
import http.server, sys
body = open(sys.argv[1], 'rb').read()
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        wish, start = self.headers.get('Range'), 0
        if self.path == '/none': return self.send_error(404)
        if wish and self.path != '/plain':
            start = int(wish[6:].split('-')[0])
            if start >= len(body): return self.send_error(416)
            self.send_response(206)
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (start, len(body) - 1, len(body)))
        else:
            self.send_response(200)
        self.send_header('Content-Length', str(len(body) - start))
        self.end_headers()
        end = len(body) // 2 if self.path == '/cut' and start == 0 else len(body)
        self.wfile.write(body[start:end])
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
)";

class Download : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("longwave_download_test" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    for (int i = 0; i < 30000; ++i) body_ += std::to_string(i) + ",\n";
    write_file(folder_ / "served", body_);
    write_file(folder_ / "server.py", kServer);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    server_ = ::fork();
    if (server_ == 0) {
      ::dup2(ends[1], 1);
      ::execlp("python3", "python3", (folder_ / "server.py").c_str(), (folder_ / "served").c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    const auto output = ::fdopen(ends[0], "r");
    int port = 0;
    const bool up = std::fscanf(output, "%d", &port) == 1;
    std::fclose(output);
    if (!up) GTEST_SKIP() << "python3 cannot serve here";
    address_ = "http://127.0.0.1:" + std::to_string(port);
    sha256_ = sha256_of_file(folder_ / "served");
  }

  void TearDown() override {
    if (server_ > 0) {
      ::kill(server_, SIGKILL);
      ::waitpid(server_, nullptr, 0);
    }
    fs::remove_all(folder_);
  }

  std::string error_of(const std::string& url, const std::string& sha256 = "") {
    try {
      download(url, target(), {sha256, {}});
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  fs::path target() const { return folder_ / "got"; }
  fs::path part() const { return folder_ / "got.part"; }

  fs::path folder_;
  std::string body_, address_, sha256_;
  pid_t server_ = -1;
};

TEST_F(Download, GivesTheWholeFileAndItsChecksum) {
  EXPECT_EQ(download(address_ + "/file", target(), {sha256_, {}}), sha256_);
  EXPECT_EQ(read_file(target()), body_);
  EXPECT_FALSE(fs::exists(part()));
}

TEST_F(Download, GoesOnWhereACutTransferStopped) {
  EXPECT_NE(error_of(address_ + "/cut", sha256_).find("go on where it stopped"), std::string::npos);
  EXPECT_FALSE(fs::exists(target()));
  EXPECT_EQ(fs::file_size(part()), body_.size() / 2);
  EXPECT_EQ(error_of(address_ + "/cut", sha256_), "");
  EXPECT_EQ(read_file(target()), body_);
}

TEST_F(Download, BeginsAgainWhereTheServerCannotResume) {
  write_file(part(), body_.substr(0, 1000));
  EXPECT_EQ(error_of(address_ + "/plain", sha256_), "");
  EXPECT_EQ(read_file(target()), body_);
}

TEST_F(Download, AnOldPartOfAnotherFileIsThrownAway) {
  write_file(part(), std::string(1000, 'x'));
  EXPECT_EQ(error_of(address_ + "/file", sha256_), "");
  EXPECT_EQ(read_file(target()), body_);
}

TEST_F(Download, FailuresAreSaidPlainlyAndLeaveNoFile) {
  EXPECT_NE(error_of(address_ + "/file", std::string(64, '0')).find("wrong checksum"), std::string::npos);
  EXPECT_FALSE(fs::exists(part()));
  EXPECT_NE(error_of(address_ + "/none").find("404"), std::string::npos);
  EXPECT_NE(error_of("http://127.0.0.1:1/file").find("is there a network?"), std::string::npos);
  EXPECT_FALSE(fs::exists(part()));
  write_file(part(), "begun");
  EXPECT_NE(error_of("http://127.0.0.1:1/file"), "");
  EXPECT_EQ(read_file(part()), "begun");
  EXPECT_FALSE(fs::exists(target()));
}

}  // namespace
}  // namespace longwave
