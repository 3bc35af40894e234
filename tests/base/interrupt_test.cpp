#include "longwave/base/interrupt.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "longwave/base/check.h"

namespace longwave {
namespace {

TEST(Interrupt, AsksOnceForSignalsThatComeTogether) {
  const InterruptGuard guard;
  EXPECT_FALSE(InterruptGuard::requested());
  std::raise(SIGTERM);
  std::raise(SIGTERM);  // timeout(1) sends to the process and to its group
  std::raise(SIGINT);
  EXPECT_TRUE(InterruptGuard::requested());
  EXPECT_THROW(InterruptGuard::stop_if_requested(), Interrupted);
}

TEST(Interrupt, EndsTheProgramWhenAskedAgain) {
  const auto insist = [] {
    const InterruptGuard guard;
    std::raise(SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    std::raise(SIGTERM);
  };
  EXPECT_EXIT(insist(), testing::KilledBySignal(SIGTERM), "");
}

TEST(Interrupt, AsksNobodyWithoutAGuard) {
  {
    const InterruptGuard guard;
    std::raise(SIGINT);
  }
  EXPECT_FALSE(InterruptGuard::requested());
}

}  // namespace
}  // namespace longwave
