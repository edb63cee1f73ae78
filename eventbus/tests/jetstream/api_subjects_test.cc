// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/api_subjects.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

TEST(ApiSubjectsTest, AreThoseOfTheOwnJetStreamByDefault) {
  const ApiSubjects subjects({});
  EXPECT_EQ(subjects.For("STREAM.INFO.S"), "$JS.API.STREAM.INFO.S");
  EXPECT_EQ(subjects.ForBucketWrite("$KV.b.k"), "$KV.b.k");
  EXPECT_FALSE(subjects.remote());
}

TEST(ApiSubjectsTest, NameTheDomain) {
  const ApiSubjects subjects({.jetstream_domain = "hub"});
  EXPECT_EQ(subjects.For("STREAM.INFO.S"), "$JS.hub.API.STREAM.INFO.S");
  EXPECT_EQ(subjects.ForBucketWrite("$KV.b.k"), "$JS.hub.API.$KV.b.k");
  EXPECT_TRUE(subjects.remote());
}

TEST(ApiSubjectsTest, BeginWithThePrefix) {
  const ApiSubjects subjects({.jetstream_api_prefix = "JS.store"});
  EXPECT_EQ(subjects.For("DIRECT.GET.S.x"), "JS.store.DIRECT.GET.S.x");
  EXPECT_EQ(subjects.ForBucketWrite("$KV.b.k"), "JS.store.$KV.b.k");
  EXPECT_TRUE(subjects.remote());
}

TEST(ApiSubjectsTest, ThePrefixOfTheOwnJetStreamIsNoOther) {
  const ApiSubjects subjects({.jetstream_api_prefix = "$JS.API"});
  EXPECT_EQ(subjects.ForBucketWrite("$KV.b.k"), "$KV.b.k");
  EXPECT_FALSE(subjects.remote());
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
