// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/ack_subject.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

TEST(AckSubjectTest, ReadsTheFormOfOlderServers) {
  const auto ack = ParseAckSubject("$JS.ACK.ORDERS.billing.3.41.57.1700000000123456789.9");
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->stream, "ORDERS");
  EXPECT_EQ(ack->consumer, "billing");
  EXPECT_EQ(ack->delivery_count, 3U);
  EXPECT_EQ(ack->stream_sequence, 41U);
  EXPECT_EQ(ack->consumer_sequence, 57U);
  EXPECT_EQ(ack->pending, 9U);
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(ack->stored_at.time_since_epoch());
  EXPECT_EQ(since.count(), 1700000000123456789);
}

TEST(AckSubjectTest, ReadsTheFormWithDomainAndAccount) {
  for (const std::string tail : {"", ".random", ".random.more"}) {
    for (const std::string domain : {"_", "hub"}) {
      const std::string subject = absl::StrCat("$JS.ACK.", domain, ".ACCHASH.ORDERS.billing.1.2.3.4.5", tail);
      const auto ack = ParseAckSubject(subject);
      ASSERT_TRUE(ack) << tail;
      EXPECT_EQ(ack->stream, "ORDERS");
      EXPECT_EQ(ack->consumer, "billing");
      EXPECT_EQ(ack->stream_sequence, 2U);
      EXPECT_EQ(ack->pending, 5U);
    }
  }
}

TEST(AckSubjectTest, RefusesEverythingElse) {
  const std::string hostile[] = {
      "",
      "$JS.ACK",
      "$JS.ACK.",
      "$js.ack.S.C.1.1.1.1.0",
      "orders.S.C.1.1.1.1.0",
      "$JS.ACK.S.C.1.1.1.1",
      "$JS.ACK.S.C.1.1.1.1.0.8",
      "$JS.ACK.S.C.1.1.1.1.",
      "$JS.ACK..C.1.1.1.1.0",
      "$JS.ACK.S.C..1.1.1.0",
      "$JS.ACK.S.C.0.1.1.1.0",
      "$JS.ACK.S.C.1.0.1.1.0",
      "$JS.ACK.S.C.1.1.0.1.0",
      "$JS.ACK.S.C.-1.1.1.1.0",
      "$JS.ACK.S.C.+1.1.1.1.0",
      "$JS.ACK.S.C. 1.1.1.1.0",
      "$JS.ACK.S.C.1x.1.1.1.0",
      "$JS.ACK.S.C.1.18446744073709551616.1.1.0",
      "$JS.ACK.S.C.1.1.1.1.18446744073709551617",
      "$JS.ACK.S.C.1.1.1..0",
      "$JS.ACK.S.C.1.1.1.9223372036854775808.0",
      "$JS.ACK.S.C.1.1.1.99999999999999999999999.0",
      "$JS.ACK.D.A.S.C.1.1.1.1.x",
      "$JS.ACK." + std::string(1000, '.'),
      "$JS.ACK.D.A.S.C.1.1.1.1.0" + std::string(40, '.'),
      "$JS.ACK.a.b.c.d.1.1.1.1.1.f.g.h.i.j.k.l.m.n.o.p",
  };
  for (const std::string& subject : hostile) EXPECT_FALSE(ParseAckSubject(subject)) << subject;
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
