# Packages: see packages.txt for what each one is for.
find_package(OpenMP REQUIRED)
find_package(BLAS REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
find_package(PNG REQUIRED)
find_package(Snappy REQUIRED)
find_package(zstd REQUIRED)
find_path(FLATBUFFERS_INCLUDE_DIR flatbuffers/verifier.h REQUIRED)  # headers alone are used
find_package(PkgConfig REQUIRED)
pkg_check_modules(sndfile REQUIRED IMPORTED_TARGET sndfile)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_library(HWY_LIBRARY hwy REQUIRED)

set(LONGWAVE_CORE_LIBRARIES fmt::fmt nlohmann_json::nlohmann_json ZLIB::ZLIB LibLZMA::LibLZMA PNG::PNG
    Snappy::snappy zstd::libzstd_shared PkgConfig::sndfile SQLite::SQLite3 CURL::libcurl OpenSSL::Crypto
    tomlplusplus::tomlplusplus CLI11::CLI11 ${HWY_LIBRARY} ${BLAS_LIBRARIES} OpenMP::OpenMP_CXX)

if(NOT LONGWAVE_SANITIZE)
  find_package(Torch REQUIRED)
  pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
endif()
