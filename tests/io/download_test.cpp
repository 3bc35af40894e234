// Downloads from a small HTTP server on this machine: resuming, checksums, and what is said when it fails.
#include "longwave/io/download.h"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/io/checksum.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

// /cut sends half of the file under its full length and hangs up, /nameless too but without an ETag; /new has another
// file from the second request on; /other always has; /plain knows no ranges.
constexpr const char* kServer = R"(
import http.server, sys
old = open(sys.argv[1], 'rb').read()
asked = []
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        wish, start = self.headers.get('Range'), 0
        if self.path == '/none': return self.send_error(404)
        changed = self.path == '/other' or self.path == '/new' and '/new' in asked
        asked.append(self.path)
        body, tag = old[::-1] if changed else old, '"2"' if changed and self.path == '/new' else '"1"'
        if self.path == '/plain' or self.headers.get('If-Range', tag) != tag: wish = None
        if wish:
            start = int(wish[6:].split('-')[0])
            if start >= len(body): return self.send_error(416)
            self.send_response(206)
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (start, len(body) - 1, len(body)))
        else:
            self.send_response(200)
        if self.path != '/nameless': self.send_header('ETag', tag)
        self.send_header('Content-Length', str(len(body) - start))
        self.end_headers()
        cut = self.path in ('/cut', '/new', '/nameless') and asked.count(self.path) == 1
        self.wfile.write(body[start:len(body) // 2 if cut else len(body)])
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
  fs::path origin() const { return folder_ / "got.part.from"; }

  void begin_part(const std::string& bytes, const std::string& page) {
    write_file(part(), bytes);
    write_file(origin(), address_ + page + "\n\n");
  }

  fs::path folder_;
  std::string body_, address_, sha256_;
  pid_t server_ = -1;
};

TEST_F(Download, GivesTheWholeFileAndItsChecksum) {
  EXPECT_EQ(download(address_ + "/file", target(), {sha256_, {}}), sha256_);
  EXPECT_TRUE(read_file(target()) == body_);
  EXPECT_FALSE(fs::exists(part()));
}

TEST_F(Download, GoesOnWhereACutTransferStopped) {
  EXPECT_NE(error_of(address_ + "/cut", sha256_).find("go on where it stopped"), std::string::npos);
  EXPECT_FALSE(fs::exists(target()));
  EXPECT_EQ(fs::file_size(part()), body_.size() / 2);
  EXPECT_EQ(error_of(address_ + "/cut", sha256_), "");
  EXPECT_TRUE(read_file(target()) == body_);
}

TEST_F(Download, GoesOnWithoutAChecksumWhereTheServerHasTheSameVersion) {
  EXPECT_NE(error_of(address_ + "/cut"), "");
  auto begun = read_file(part());
  begun[0] = '?';  // shows which bytes are kept
  std::ofstream(part()) << begun;
  EXPECT_EQ(error_of(address_ + "/cut"), "");
  body_[0] = '?';
  EXPECT_TRUE(read_file(target()) == body_);
  EXPECT_FALSE(fs::exists(origin()));
}

TEST_F(Download, NothingIsPutBehindAnotherFile) {
  const std::string other(body_.rbegin(), body_.rend());
  EXPECT_NE(error_of(address_ + "/cut"), "");
  EXPECT_EQ(error_of(address_ + "/other"), "");  // another address
  EXPECT_TRUE(read_file(target()) == other);
  EXPECT_NE(error_of(address_ + "/new"), "");
  EXPECT_EQ(error_of(address_ + "/new"), "");  // another version at the same one
  EXPECT_TRUE(read_file(target()) == other);
  EXPECT_NE(error_of(address_ + "/nameless"), "");
  write_file(part(), std::string(1000, '?'));  // perhaps another version: nothing tells
  EXPECT_EQ(error_of(address_ + "/nameless"), "");
  EXPECT_TRUE(read_file(target()) == body_);
}

TEST_F(Download, TwoProcessesDoNotWriteOnePart) {
  const auto other = ::open(part().c_str(), O_CREAT | O_WRONLY, 0644);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  EXPECT_EQ(error_of(address_ + "/file"),
            part().string() + ": another process is downloading this file; wait for it or stop it");
  EXPECT_TRUE(fs::exists(part()));
  ::close(other);
  EXPECT_EQ(error_of(address_ + "/file"), "");
  EXPECT_TRUE(read_file(target()) == body_);
}

TEST_F(Download, BeginsAgainWhereTheServerCannotResume) {
  begin_part(body_.substr(0, 1000), "/plain");
  EXPECT_EQ(error_of(address_ + "/plain", sha256_), "");
  EXPECT_TRUE(read_file(target()) == body_);
}

TEST_F(Download, AnOldPartOfAnotherFileIsThrownAway) {
  begin_part(std::string(1000, 'x'), "/file");
  EXPECT_EQ(error_of(address_ + "/file", sha256_), "");
  EXPECT_TRUE(read_file(target()) == body_);
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
