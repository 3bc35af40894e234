#include "longwave/kernels/rms_norm.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/rms_norm.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/rms-inl.h"

#ifndef LONGWAVE_KERNELS_RMS_NORM_PARTS
#define LONGWAVE_KERNELS_RMS_NORM_PARTS
namespace longwave::kernels {
namespace {
constexpr std::int64_t kBlock = 64;  // rows of a work item
std::int64_t parts_of(const RmsNorm& r) { return std::clamp<std::int64_t>(r.rows / kBlock, 1, 16); }
}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

void rms_norm_all(const RmsNorm& r, float* y) {
#pragma omp parallel for schedule(static, kBlock)
  for (std::int64_t row = 0; row < r.rows; ++row) {
    const auto at = row * r.groups * r.width;
    rms_groups(r.x + at, r.w, r.groups, r.width, r.eps, y + at);
  }
}

void grad_rows(const RmsNorm& r, const float* dy, std::int64_t begin, std::int64_t end, float* dx, float* dw) {
  std::fill_n(dw, r.groups * r.width, 0.0f);
  for (auto row = begin; row < end; ++row) {
    const auto at = row * r.groups * r.width;
    rms_groups_grad(r.x + at, r.w, dy + at, r.groups, r.width, r.eps, dx + at, dw);
  }
}

void rms_norm_grad_all(const RmsNorm& r, const float* dy, float* dx, float* dw, float* workspace) {
  const auto parts = parts_of(r), size = r.groups * r.width;
#pragma omp parallel for schedule(static)
  for (std::int64_t part = 0; part < parts; ++part)
    grad_rows(r, dy, part * r.rows / parts, (part + 1) * r.rows / parts, dx, workspace + part * size);
  std::copy_n(workspace, size, dw);
  for (std::int64_t part = 1; part < parts; ++part) add_scaled(1, workspace + part * size, dw, size);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(rms_norm_all);
HWY_EXPORT(rms_norm_grad_all);

void rms_norm(const RmsNorm& r, float* y) { HWY_DYNAMIC_DISPATCH(rms_norm_all)(r, y); }
std::int64_t rms_norm_grad_workspace(const RmsNorm& r) { return parts_of(r) * r.groups * r.width; }
void rms_norm_grad(const RmsNorm& r, const float* dy, float* dx, float* dw, float* workspace) {
  HWY_DYNAMIC_DISPATCH(rms_norm_grad_all)(r, dy, dx, dw, workspace);
}

}  // namespace longwave::kernels
#endif
