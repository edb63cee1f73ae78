// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"
#include "jetstream/message/ack_subject.h"
#include "simulation/model_server.h"

namespace penstock::eventbus::contract {

using simulation::ModelServer;

/// "3" for the first delivery of message 3, "3x2" for the second.
inline std::string Word(std::uint64_t sequence, std::uint64_t delivery_count) {
  return delivery_count == 1 ? absl::StrCat(sequence) : absl::StrCat(sequence, "x", delivery_count);
}

/// One stream and one consumer with explicit acks, as a script sees them.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual void Publish(int count) = 0;
  virtual void Consume(bool pushes, std::size_t max_ack_pending) = 0;
  virtual void DeleteConsumer() = 0;
  virtual void TakeNewInbox() = 0;
  /// Nobody listens any more, and the server has noticed.
  virtual void LeaveInbox() = 0;
  virtual void Pull(int count) = 0;
  virtual void SetMaxAckPending(std::size_t most) = 0;
  virtual void Answer(std::uint64_t sequence, const std::string& body) = 0;
  virtual void Restart() = 0;
  /// Lets time pass in which nothing comes.
  virtual void Wait(milliseconds time) = 0;
  /// Lets time pass after which something comes; what then comes is to be received.
  virtual void AwaitExpiry(milliseconds time) = 0;
  /// The deliveries since the last time, at least `expected` of them and for a while after.
  virtual std::vector<std::string> Receive(std::size_t expected) = 0;
};

inline constexpr std::chrono::milliseconds kAckWait{1000};

class OfTheModel final : public Subject {
 public:
  void Publish(int count) override {
    for (int i = 0; i < count; ++i) server_.Publish();
    Pump();
  }
  void Consume(bool pushes, std::size_t max_ack_pending) override {
    options_ = {.pushes = pushes, .ack_wait = kAckWait, .max_ack_pending = max_ack_pending};
    server_.MakeConsumer(options_, now_);
    if (pushes) TakeNewInbox();
  }
  void DeleteConsumer() override { server_.DeleteConsumer(); }
  void TakeNewInbox() override {
    server_.Bind(++inbox_, now_);
    Pump();
  }
  void LeaveInbox() override { server_.Leave(inbox_); }
  void Pull(int count) override {
    server_.Pull(1, static_cast<std::size_t>(count));
    Pump();
  }
  void SetMaxAckPending(std::size_t most) override {
    server_.SetMaxAckPending(most);
    Pump();
  }
  void Answer(std::uint64_t sequence, const std::string& body) override {
    if (body == "-NAK") {
      server_.Nak(sequence, now_);
    } else if (body == "+WPI") {
      server_.InProgress(sequence, now_);
    } else {
      server_.Ack(sequence, now_);
    }
    Pump();
  }
  void Restart() override {
    now_ += milliseconds(400);  // what was done is written down by then
    server_.Crash(now_);
    if (options_.pushes) TakeNewInbox();
  }
  void Wait(milliseconds time) override { now_ += time; }
  void AwaitExpiry(milliseconds time) override {
    now_ += time;
    server_.Expire(now_);
    Pump();
  }
  std::vector<std::string> Receive(std::size_t /*expected*/) override { return std::exchange(sent_, {}); }

 private:
  void Pump() {
    for (const auto& sent : server_.Pump(now_)) sent_.push_back(Word(sent.sequence, sent.delivery_count));
  }

  ModelServer server_;
  ModelServer::ConsumerOptions options_{};
  std::size_t inbox_ = 0;
  std::chrono::steady_clock::time_point now_{seconds(1000)};
  std::vector<std::string> sent_;
};

class OfARealServer final : public Subject {
 public:
  explicit OfARealServer(NatsServer& server) : server_(server) {
    Connect();
    Api("STREAM.CREATE.S", R"({"name":"S","subjects":["s"],"storage":"file"})");
  }

  void Publish(int count) override {
    for (int i = 0; i < count; ++i) {
      const auto stored = raw_->Request("s", "x");
      EXPECT_THAT(stored, IsOk());
    }
  }
  void Consume(bool pushes, std::size_t max_ack_pending) override {
    pushes_ = pushes;
    max_ack_pending_ = max_ack_pending;
    if (pushes) return TakeNewInbox();
    Listen();
    PutConsumer();
  }
  void DeleteConsumer() override { Api("CONSUMER.DELETE.S.C", ""); }
  void TakeNewInbox() override {
    if (subscription_ != 0) {
      EXPECT_THAT(raw_->Unsubscribe(subscription_), IsOk());
    }
    EXPECT_THAT(raw_->Ping(), IsOk());
    Listen();
    // The server notes a little later that the last inbox is deserted.
    EXPECT_TRUE(Eventually([&] { return PutConsumer(); }, seconds(10)));
  }
  void LeaveInbox() override {
    EXPECT_THAT(raw_->Unsubscribe(subscription_), IsOk());
    subscription_ = 0;
    EXPECT_TRUE(Eventually(
        [&] {
          const std::string facts = TryApi("CONSUMER.INFO.S.C", "");
          return absl::StrContains(facts, "\"num_pending\"") && !absl::StrContains(facts, "\"push_bound\":true");
        },
        seconds(10)));
  }
  void Pull(int count) override {
    const std::string body = absl::StrCat(R"({"batch":)", count, R"(,"expires":30000000000})");
    EXPECT_THAT(raw_->Publish("$JS.API.CONSUMER.MSG.NEXT.S.C", body, Inbox()), IsOk());
  }
  void SetMaxAckPending(std::size_t most) override {
    max_ack_pending_ = most;
    EXPECT_TRUE(PutConsumer());
  }
  void Answer(std::uint64_t sequence, const std::string& body) override {
    EXPECT_THAT(raw_->Publish(replies_.at(sequence), body), IsOk());
    EXPECT_THAT(raw_->Ping(), IsOk());
  }
  void Restart() override {
    // For what was done to be written down.
    EXPECT_FALSE(NextDelivery(milliseconds(400)));
    server_.Kill();
    ASSERT_THAT(server_.Start(), IsOk());
    Connect();
    if (pushes_) TakeNewInbox();
  }
  void Wait(milliseconds time) override { EXPECT_FALSE(NextDelivery(time)); }
  void AwaitExpiry(milliseconds /*time*/) override {}  // receiving waits
  std::vector<std::string> Receive(std::size_t expected) override {
    std::vector<std::string> words;
    while (const auto word = NextDelivery(words.size() < expected ? milliseconds(5000) : milliseconds(100))) {
      words.push_back(*word);
    }
    return words;
  }

 private:
  void Connect() {
    auto raw = RawNats::Connect(server_.port());
    ASSERT_THAT(raw, IsOk());
    raw_ = std::make_unique<RawNats>(*std::move(raw));
    subscription_ = 0;
    EXPECT_TRUE(Eventually([&] { return absl::StrContains(TryApi("STREAM.NAMES", ""), "\"streams\""); }, seconds(10)));
  }

  void Listen() {
    ++inboxes_;
    const auto subscribed = raw_->Subscribe(Inbox());
    ASSERT_THAT(subscribed, IsOk());
    subscription_ = *subscribed;
    EXPECT_THAT(raw_->Ping(), IsOk());
  }

  std::string Inbox() const { return absl::StrCat("_INBOX.model.", inboxes_); }

  // On a connection of its own, so that no delivery is lost to the request.
  std::string TryApi(const std::string& subject, const std::string& body) {
    auto raw = RawNats::Connect(server_.port());
    if (!raw.ok()) return {};
    const auto reply = raw->Request("$JS.API." + subject, body);
    return reply.ok() ? reply->body : std::string();
  }
  void Api(const std::string& subject, const std::string& body) {
    EXPECT_FALSE(absl::StrContains(TryApi(subject, body), "\"error\"")) << subject;
  }

  bool PutConsumer() {
    const std::string deliver = pushes_ ? absl::StrCat(R"("deliver_subject":")", Inbox(), R"(",)") : "";
    const std::string reply = TryApi(
        "CONSUMER.DURABLE.CREATE.S.C",
        absl::StrCat(R"({"stream_name":"S","config":{"durable_name":"C",)", deliver,
                     R"("deliver_policy":"all","ack_policy":"explicit","replay_policy":"instant","max_deliver":-1,)",
                     R"("ack_wait":)", std::chrono::nanoseconds(kAckWait).count(), R"(,"max_ack_pending":)",
                     max_ack_pending_, "}}"));
    return !reply.empty() && !absl::StrContains(reply, "\"error\"");
  }

  std::optional<std::string> NextDelivery(milliseconds patience) {
    for (;;) {
      const auto message = raw_->Next(patience);
      if (!message.ok()) return std::nullopt;
      const auto ack = jetstream::ParseAckSubject(message->reply);
      if (message->subscription != subscription_ || !ack) continue;
      replies_[ack->stream_sequence] = message->reply;
      return Word(ack->stream_sequence, ack->delivery_count);
    }
  }

  NatsServer& server_;
  std::unique_ptr<RawNats> raw_;
  std::map<std::uint64_t, std::string> replies_;
  int subscription_ = 0;
  int inboxes_ = 0;
  bool pushes_ = true;
  std::size_t max_ack_pending_ = 1000;
};

/// Notes what a script sees, one line for each `See`.
class Script {
 public:
  explicit Script(Subject& subject) : subject_(subject) {}
  Subject* operator->() { return &subject_; }

  void See(std::size_t expected) {
    std::string line;
    for (const std::string& word : subject_.Receive(expected)) absl::StrAppend(&line, line.empty() ? "" : " ", word);
    lines_.push_back(std::move(line));
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  Subject& subject_;
  std::vector<std::string> lines_;
};

}  // namespace penstock::eventbus::contract
