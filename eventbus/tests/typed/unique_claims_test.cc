// SPDX-License-Identifier: Apache-2.0
#include "typed/unique_claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace penstock::eventbus {
namespace {

TEST(AUniqueClaim, IsReadAsItWasWritten) {
  const UniqueClaims::Claim sent{.event_id = "e-1"};
  EXPECT_EQ(UniqueClaims::Read(UniqueClaims::Written(sent))->event_id, "e-1");
  EXPECT_FALSE(UniqueClaims::Read(UniqueClaims::Written(sent))->stored);
  const UniqueClaims::Claim stored{.event_id = "e-1", .stored = PubAck{.stream = "s", .sequence = 1ULL << 63}};
  const auto read = UniqueClaims::Read(UniqueClaims::Written(stored));
  ASSERT_TRUE(read && read->stored);
  EXPECT_EQ(read->stored->stream, "s");
  EXPECT_EQ(read->stored->sequence, 1ULL << 63);
}

// Anybody may write to the bucket.
TEST(AUniqueClaim, IsNotReadFromAnythingElse) {
  for (const char* text : {"", "[", "null", "7", "[]", "{}", R"({"event_id":7})", R"({"event_id":""})",
                           R"({"event_id":"a b"})", R"({"event_id":"a\r\nNats-Rollup: all"})"}) {
    EXPECT_FALSE(UniqueClaims::Read(text)) << text;
  }
  EXPECT_FALSE(UniqueClaims::Read(R"({"event_id":")" + std::string(4096, 'a') + "\"}"));
  EXPECT_FALSE(UniqueClaims::Read(std::string(300'000, '[') + std::string(300'000, ']')));
  for (const char* text :
       {R"({"event_id":"e","sequence":7})", R"({"event_id":"e","stream":"s"})",
        R"({"event_id":"e","stream":"s","sequence":-1})", R"({"event_id":"e","stream":1,"sequence":1})"}) {
    ASSERT_TRUE(UniqueClaims::Read(text)) << text;
    EXPECT_FALSE(UniqueClaims::Read(text)->stored) << text;
  }
}

}  // namespace
}  // namespace penstock::eventbus
