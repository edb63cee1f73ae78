// SPDX-License-Identifier: Apache-2.0
// The fencing token of an exclusive consumer on a server that stands alone.
#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"
#include "support/tcp_proxy.h"

namespace penstock::eventbus::contract {
namespace {

using penstock::testing::TcpProxy;
using ::testing::Each;
using ::testing::HasSubstr;

constexpr auto kExclusive = ConsumerKind::kExclusive;

class JetStreamFenceTest : public JetStreamFixture {
 protected:
  void Begin(NatsServerOptions options = {}) {
    Launch(std::move(options));
    auto proxy = TcpProxy::Start(server().port());
    ASSERT_THAT(proxy, IsOk());
    proxy_ = *std::move(proxy);
    direct_ = Connect();
    ASSERT_THAT(direct_->EnsureStream(Stream()), IsOk());
    BusOptions options_of_owner{.url = proxy_->url(), .client_id = "contract"};
    options_of_owner.log = [this](LogLevel, std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    };
    through_proxy_ = Connect(options_of_owner);
    ASSERT_NE(through_proxy_, nullptr);
  }

  static std::unique_ptr<Consumer> Open(Transport& transport, ConsumerRecorder& recorder) {
    auto consumer = transport.OpenConsumer(SpecFor(kExclusive, "billing"), recorder.Events());
    EXPECT_THAT(consumer, IsOk());
    return consumer.ok() ? *std::move(consumer) : nullptr;
  }
  // The consumer has flowed again so often.
  static bool Resubscribed(const Consumer& consumer, std::uint64_t times) {
    return Eventually([&] { return consumer.Stats().resubscribes >= times && consumer.Stats().active; }, seconds(15));
  }
  std::size_t LinesWith(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::ranges::count_if(lines_, [&](const std::string& line) { return absl::StrContains(line, text); }));
  }
  // How often a number was written; the bucket's stream numbers its messages.
  bool Written(int times) {
    return absl::StrContains(Api("STREAM.INFO.KV_PENSTOCK_OWNERSHIP"), absl::StrCat("\"last_seq\":", times, ","));
  }

  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Transport> direct_;
  std::unique_ptr<Transport> through_proxy_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST_F(JetStreamFenceTest, AnOwnerKeepsItOverLostConnectionsAndRestartsOfTheServer) {
  Begin();
  ConsumerRecorder recorder;
  const auto consumer = Open(*through_proxy_, recorder);
  PublishMany(*direct_, 1);
  ASSERT_TRUE(recorder.Reach(1));
  EXPECT_TRUE(Written(1));
  for (std::uint64_t round = 1; round <= 3; ++round) {
    ASSERT_GE(proxy_->Cut(), 1U);
    ASSERT_TRUE(Resubscribed(*consumer, round));
  }
  server().Kill();
  ASSERT_THAT(server().Start(), IsOk());
  ASSERT_TRUE(Resubscribed(*consumer, 4));
  PublishMany(*direct_, 1, 2);
  ASSERT_TRUE(recorder.Reach(6));
  EXPECT_THAT(recorder.Fences(), Each(recorder.At(0).fence));
  EXPECT_TRUE(Written(1));
  EXPECT_EQ(LinesWith(absl::StrCat("owns it; fence ", recorder.At(0).fence)), 1U);
}

TEST_F(JetStreamFenceTest, AnOwnerThatComesBackAfterAnotherHasANewOne) {
  Begin();
  ConsumerRecorder first, second;
  const auto owned = Open(*through_proxy_, first);
  PublishMany(*direct_, 1);
  ASSERT_TRUE(first.Reach(1));
  const auto waiting = Open(*direct_, second);
  proxy_->ServerIsAt(0);
  ASSERT_GE(proxy_->Cut(), 1U);
  ASSERT_TRUE(second.Reach(1));
  proxy_->ServerIsAt(server().port());
  ASSERT_TRUE(Eventually([&] { return through_proxy_->connected(); }, seconds(15)));
  waiting->Stop();
  ASSERT_TRUE(first.Reach(2));
  EXPECT_GT(second.At(0).fence, first.At(0).fence);
  EXPECT_GT(first.At(1).fence, second.At(0).fence);
  EXPECT_EQ(LinesWith("owns it; fence "), 2U);
}

TEST_F(JetStreamFenceTest, AConsumerThatWasDeletedIsCreatedAgainWithTheSame) {
  Begin();
  ConsumerRecorder recorder;
  const auto consumer = Open(*direct_, recorder);
  PublishMany(*direct_, 1);
  ASSERT_TRUE(recorder.Reach(1));
  DeleteConsumer("billing");
  ASSERT_TRUE(recorder.Reach(2));
  EXPECT_THAT(recorder.Fences(), Each(recorder.At(0).fence));
}

TEST_F(JetStreamFenceTest, WithoutThePermissionThereIsNoneWhichIsSaidOnce) {
  Begin({.config = R"(accounts: { A: { jetstream: enabled, users: [ { user: a, password: a, permissions: {
      publish: { deny: ["$KV.PENSTOCK_OWNERSHIP.>"] } } } ] } }
      no_auth_user: a)"});
  ConsumerRecorder recorder;
  const auto consumer = Open(*through_proxy_, recorder);
  PublishMany(*direct_, 2);
  ASSERT_TRUE(recorder.Reach(2));
  ASSERT_GE(proxy_->Cut(), 1U);
  ASSERT_TRUE(recorder.Reach(4));
  EXPECT_THAT(recorder.Fences(), Each(0U));
  EXPECT_EQ(LinesWith("goes on without a fencing token"), 1U);
}

TEST_F(JetStreamFenceTest, WhereTheAccountMayHaveNoMoreStreamsThereIsNone) {
  Begin({.config = R"(accounts: { A: { jetstream: { max_mem: 100M, max_file: 100M, max_streams: 1 },
      users: [ { user: a, password: a } ] } }
      no_auth_user: a)"});
  ConsumerRecorder recorder;
  const auto consumer = Open(*through_proxy_, recorder);
  PublishMany(*direct_, 2);
  ASSERT_TRUE(recorder.Reach(2));
  EXPECT_THAT(recorder.Fences(), Each(0U));
  EXPECT_EQ(LinesWith("goes on without a fencing token"), 1U);
}

TEST_F(JetStreamFenceTest, ABucketThatWasDeletedIsCreatedAgainAndTheOwnerHasAFenceAgain) {
  Begin();
  ConsumerRecorder recorder;
  const auto consumer = Open(*through_proxy_, recorder);
  PublishMany(*direct_, 1);
  ASSERT_TRUE(recorder.Reach(1));
  EXPECT_THAT(Api("STREAM.DELETE.KV_PENSTOCK_OWNERSHIP"), HasSubstr("\"success\":true"));
  ASSERT_GE(proxy_->Cut(), 1U);
  const auto fenced = [&] { return recorder.arrivals().size() > 1 && recorder.arrivals().back().fence != 0; };
  EXPECT_TRUE(Eventually(fenced, seconds(15)));
  EXPECT_THAT(Api("STREAM.INFO.KV_PENSTOCK_OWNERSHIP"), HasSubstr("\"last_seq\":"));
}

}  // namespace
}  // namespace penstock::eventbus::contract
