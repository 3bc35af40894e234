#include "longwave/io/checksum.h"

#include <gtest/gtest.h>

namespace longwave {
namespace {

TEST(Checksum, MatchesThePublishedVectorInOnePieceOrMany) {  // FIPS 180-4, example "abc"
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256_of("abc"), expected);
  Sha256 hash;
  hash.update("a");
  hash.update("");
  hash.update("bc");
  EXPECT_EQ(hash.hex(), expected);
}

}  // namespace
}  // namespace longwave
