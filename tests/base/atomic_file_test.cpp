#include "longwave/base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "longwave/base/check.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public ::testing::Test {
 protected:
  AtomicFileTest() : folder_(fs::temp_directory_path() / ("longwave_atomic_" + std::to_string(::getpid()))) {
    make_folder(folder_);
  }
  ~AtomicFileTest() override { fs::remove_all(folder_); }

  fs::path folder_;
};

/// What write_file says in a process whose files cannot grow beyond `limit` bytes: stands for a full disk.
std::string message_on_a_full_disk(const fs::path& path, std::size_t size, rlim_t limit) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const auto child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &small);
    std::string text = "written";
    try {
      write_file(path, std::string(size, 'x'));
    } catch (const UserError& error) {
      text = error.what();
    }
    ::_exit(::write(ends[1], text.data(), text.size()) < 0);
  }
  ::close(ends[1]);
  std::string text(4096, '\0');
  const auto bytes = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
  return text;
}

TEST_F(AtomicFileTest, FullDiskIsOneLineLeavesNoTemporaryFileAndKeepsTheOldFile) {
  const auto path = folder_ / "file";
  write_file(path, "old");
  for (const std::size_t size : {100u, 1000000u}) {  // fails when flushed, fails while written
    EXPECT_EQ(message_on_a_full_disk(path, size, 50), path.string() + ": cannot be written: File too large");
    EXPECT_EQ(read_file(path), "old");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1)
        << "a temporary file is left";
  }
  EXPECT_EQ(message_on_a_full_disk(path, 40, 50), "written");
  EXPECT_EQ(read_file(path), std::string(40, 'x'));
}

TEST_F(AtomicFileTest, ALinkStaysOneAndItsFileIsReplaced) {
  fs::create_directory(folder_ / "elsewhere");
  fs::create_symlink("elsewhere/file", folder_ / "link");
  for (const char* text : {"first", "second"}) {  // the link leads nowhere at first
    write_file(folder_ / "link", text);
    EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
    EXPECT_EQ(read_file(folder_ / "elsewhere/file"), text);
  }
}

TEST_F(AtomicFileTest, APipeIsWrittenToAndNotReplaced) {
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink("pipe", folder_ / "link");
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  for (const auto* path : {"pipe", "link"}) {
    write_file(folder_ / path, "text");
    char text[5] = {};
    EXPECT_EQ(::read(reader, text, 4), 4);
    EXPECT_STREQ(text, "text");
  }
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST_F(AtomicFileTest, ADescriptorIsWrittenToWhereItStands) {
  const auto path = folder_ / "file";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(::write(file, "before ", 7), 7);
  write_file("/proc/self/fd/" + std::to_string(file), "written ");
  ASSERT_EQ(::write(file, "behind", 6), 6);
  ::close(file);
  EXPECT_EQ(read_file(path), "before written behind");
}

}  // namespace
}  // namespace longwave
