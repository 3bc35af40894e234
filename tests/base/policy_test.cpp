#include "longwave/base/policy.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <thread>

namespace longwave {
namespace {

Cpu cpu_with(std::vector<std::string> features) {
  Cpu cpu;
  cpu.features = std::move(features);
  cpu.cores = 3;
  return cpu;
}

const std::vector<std::string> kAvx512 = {"avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"};

void clear_environment() {
  for (const auto* name : {"OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "ATEN_CPU_CAPABILITY", "LONGWAVE_POLICY"})
    unsetenv(name);
}

TEST(Policy, Avx512WantsItsKernels) {
  const auto wanted = preferred_environment(cpu_with(kAvx512));
  EXPECT_EQ(wanted.at("OPENBLAS_CORETYPE"), "SkylakeX");
  EXPECT_EQ(wanted.at("ATEN_CPU_CAPABILITY"), "avx512");
  EXPECT_EQ(wanted.at("OMP_NUM_THREADS"), "3");
}

TEST(Policy, ThreadsWaitShortlyUnlessTheUserSaysHow) {
  unsetenv("OMP_WAIT_POLICY");
  EXPECT_EQ(preferred_environment(cpu_with(kAvx512)).count("GOMP_SPINCOUNT"), 1u);
  setenv("OMP_WAIT_POLICY", "active", 1);
  EXPECT_EQ(preferred_environment(cpu_with(kAvx512)).count("GOMP_SPINCOUNT"), 0u);
  unsetenv("OMP_WAIT_POLICY");
}

TEST(Policy, Avx2WantsHaswellAndOldCpusNothing) {
  EXPECT_EQ(preferred_environment(cpu_with({"avx2", "fma"})).at("OPENBLAS_CORETYPE"), "Haswell");
  EXPECT_EQ(preferred_environment(cpu_with({"avx2", "fma"})).count("ATEN_CPU_CAPABILITY"), 0u);
  EXPECT_EQ(preferred_environment(cpu_with({"sse4.2"})).count("OPENBLAS_CORETYPE"), 0u);
}

TEST(Policy, ValuesOfTheUserWin) {
  clear_environment();
  setenv("OPENBLAS_CORETYPE", "Zen", 1);
  apply_process_policy(cpu_with(kAvx512));
  EXPECT_STREQ(std::getenv("OPENBLAS_CORETYPE"), "Zen");
  EXPECT_STREQ(std::getenv("ATEN_CPU_CAPABILITY"), "avx512");
  const auto variables = machine_report(cpu_with(kAvx512))["variables"];
  EXPECT_EQ(variables["OPENBLAS_CORETYPE"]["set_by"], "user");
  EXPECT_EQ(variables["ATEN_CPU_CAPABILITY"]["set_by"], "policy");
}

TEST(Policy, ValuesOfAParentsPolicyAreNotTheUsers) {
  clear_environment();
  apply_process_policy(cpu_with(kAvx512));  // the parent
  apply_process_policy(cpu_with(kAvx512));  // its child
  const auto variables = machine_report(cpu_with(kAvx512))["variables"];
  EXPECT_EQ(variables["OPENBLAS_CORETYPE"]["set_by"], "policy");
  EXPECT_EQ(variables["OMP_NUM_THREADS"]["set_by"], "policy");
}

TEST(Policy, EmptyValuesCountAsUnset) {
  clear_environment();
  setenv("OPENBLAS_CORETYPE", "", 1);
  apply_process_policy(cpu_with(kAvx512));
  EXPECT_STREQ(std::getenv("OPENBLAS_CORETYPE"), "SkylakeX");
  EXPECT_EQ(machine_report(cpu_with(kAvx512))["variables"]["OPENBLAS_CORETYPE"]["set_by"], "policy");
}

TEST(Policy, ThreadsComeFromTheEnvironmentOrTheCores) {
  clear_environment();
  EXPECT_EQ(compute_threads(cpu_with({})), 3);
  setenv("OMP_NUM_THREADS", "2", 1);
  EXPECT_EQ(compute_threads(cpu_with({})), 2);
  setenv("OMP_NUM_THREADS", "many", 1);
  EXPECT_EQ(compute_threads(cpu_with({})), 3);
}

TEST(Cpu, QuotaIsRoundedUpToWholeCores) {
  EXPECT_EQ(detail::cores_of_quota("150000 100000"), 2);
  EXPECT_EQ(detail::cores_of_quota("50000 100000"), 1);
  EXPECT_EQ(detail::cores_of_quota("max 100000"), 0);
  EXPECT_EQ(detail::cores_of_quota("-1 100000"), 0);
  EXPECT_EQ(detail::cores_of_quota(" "), 0);
}

TEST(Cpu, ThisMachineHasSomething) {
  const auto cpu = detect_cpu();
  EXPECT_GE(cpu.cores, 1);
  EXPECT_GT(cpu.memory_bytes, 1 << 20);
}

#if defined(__SSE2__) || defined(__aarch64__)
TEST(Policy, DenormalsAreZeroInThisThreadAndThoseItStarts) {
  apply_process_policy(cpu_with(kAvx512));
  const auto half_of_smallest = [] {
    volatile float smallest = std::numeric_limits<float>::min();
    return smallest * 0.5f;
  };
  EXPECT_EQ(half_of_smallest(), 0.0f);
  float elsewhere = 1;
  std::thread([&] { elsewhere = half_of_smallest(); }).join();
  EXPECT_EQ(elsewhere, 0.0f);
  EXPECT_EQ(machine_report(cpu_with(kAvx512))["denormals"], "flushed to zero");
}
#endif

}  // namespace
}  // namespace longwave
