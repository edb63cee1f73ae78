// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "delivery/delivery_state_machine.h"

namespace penstock::eventbus {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TestMessage final : public StoredMessage {
 public:
  TestMessage(std::uint64_t sequence, std::uint64_t delivery_count, std::size_t bytes = 100, std::string id = "",
              std::chrono::system_clock::time_point stored_at = {})
      : id_(std::move(id)) {
    stored_at_ = stored_at;
    stream_sequence_ = sequence;
    delivery_count_ = delivery_count;
    size_bytes_ = bytes;
  }
  std::unique_ptr<StoredMessage> Stub() const override {
    return std::make_unique<TestMessage>(stream_sequence(), delivery_count(), 0);
  }
  std::optional<std::string_view> Header(std::string_view name) const override {
    if (name != header::kMessageId || id_.empty()) return std::nullopt;
    return id_;
  }
  Headers AllHeaders() const override { return {}; }

 private:
  const std::string id_;
};

// Drives a flow by hand and keeps what it asked for, as short words: "run 1", "ack 1", "nak 1", "term 1".
class DeliveryStateMachineTest : public testing::Test {
 protected:
  void Begin() { flow_ = std::make_unique<DeliveryStateMachine>(options_); }
  void Arrive(std::uint64_t sequence, std::string key, std::uint64_t delivery_count = 1) {
    Arrive(Make(sequence, std::move(key), delivery_count));
  }
  void Arrive(std::unique_ptr<InFlightMessage> item) {
    Actions actions;
    flow_->Arrived(std::move(item), now_, actions);
    Note(actions);
  }
  std::unique_ptr<InFlightMessage> Make(std::uint64_t sequence, std::string key, std::uint64_t delivery_count = 1) {
    auto item = std::make_unique<InFlightMessage>();
    item->sequence = item->origin = sequence;
    item->message = std::make_unique<TestMessage>(sequence, delivery_count, bytes_);
    item->key_storage = std::move(key);
    item->key = item->key_storage;
    item->key_hash = std::hash<std::string_view>{}(item->key);
    if (!item->key.empty()) item->actor = item->key_hash % 4;
    return item;
  }
  /// Messages 1 to `last` of the key "a", without their bodies.
  void EvictedOfOneKey(std::uint64_t last) {
    options_.max_bytes = 150;
    Begin();
    Arrive(last + 1, "b");
    for (std::uint64_t sequence = 1; sequence <= last; ++sequence) Arrive(sequence, "a");
    Finish(last + 1);
    EXPECT_THAT(Said(), testing::Contains("nak 1"));
  }
  void Finish(std::uint64_t sequence, HandlerResult result = {}) {
    InFlightMessage* item = std::exchange(running_.at(sequence), nullptr);
    running_.erase(sequence);
    item->result = std::move(result);
    Actions actions;
    flow_->Finished(*item, now_, actions);
    Note(actions);
  }
  void Fail(std::uint64_t sequence, milliseconds delay = milliseconds{-1}) {
    Finish(sequence, {.kind = HandlerResult::Kind::kRetry, .reason = "no", .delay = delay});
  }
  void Refuse(std::uint64_t sequence) {
    InFlightMessage& item = *running_.at(sequence);
    running_.erase(sequence);
    Actions actions;
    flow_->Refused(item, now_, actions);
    Note(actions);
  }
  void StoreLetter(std::uint64_t sequence, bool stored) {
    InFlightMessage* item = letters_.at(sequence);
    letters_.erase(sequence);
    Actions actions;
    flow_->DeadLettered(*item, stored, now_, actions);
    Note(actions);
  }
  void RemoveLetter(std::uint64_t sequence, bool removed) {
    RemoveLetter(sequence, removed ? LetterRemoval::kRemoved : LetterRemoval::kFailed);
  }
  void RemoveLetter(std::uint64_t sequence, LetterRemoval removal) {
    InFlightMessage* item = removals_.at(sequence);
    removals_.erase(sequence);
    Actions actions;
    flow_->LetterRemoved(*item, removal, now_, actions);
    Note(actions);
  }
  void LookedUp(std::uint64_t sequence, bool gone) {
    InFlightMessage* item = look_ups_.at(sequence);
    look_ups_.erase(sequence);
    Actions actions;
    flow_->LookedUp(*item, gone, now_, actions);
    Note(actions);
  }
  void LetterLookedUp(std::uint64_t sequence, LetterPresence presence) {
    InFlightMessage* item = letter_look_ups_.at(sequence);
    letter_look_ups_.erase(sequence);
    Actions actions;
    flow_->LetterLookedUp(*item, presence, now_, actions);
    Note(actions);
  }
  void OverdueLookedUp(std::uint64_t sequence, bool gone) {
    Actions actions;
    flow_->OverdueLookedUp(sequence, gone, now_, actions);
    Note(actions);
  }
  void Tick() {
    Actions actions;
    flow_->Tick(now_, actions);
    Note(actions);
  }
  void Pass(milliseconds time) {
    now_ += time;
    Tick();
  }
  std::vector<std::string> Said() { return std::exchange(said_, {}); }

  void Note(Actions& actions) {
    granted_ += actions.credit;
    for (const std::uint64_t overdue : actions.overdue) said_.push_back("look for " + std::to_string(overdue));
    if (actions.window != 0) said_.push_back("window " + std::to_string(actions.window));
    for (Action& action : actions.list) {
      const std::string sequence =
          std::to_string(action.message ? action.message->stream_sequence() : action.item->sequence);
      switch (action.kind) {
        case Action::Kind::kDispatch:
          running_[action.item->sequence] = action.item;
          said_.push_back("run " + sequence);
          break;
        case Action::Kind::kAck:
          said_.push_back("ack " + sequence);
          break;
        case Action::Kind::kNak:
          said_.push_back("nak " + sequence);
          break;
        case Action::Kind::kTerm:
          said_.push_back("term " + sequence);
          break;
        case Action::Kind::kExtend:
          said_.push_back("extend " + sequence);
          break;
        case Action::Kind::kDeadLetter:
          letters_[action.item->sequence] = action.item;
          said_.push_back("letter " + sequence);
          break;
        case Action::Kind::kRemoveLetter:
          removals_[action.item->sequence] = action.item;
          said_.push_back("remove letter of " + sequence);
          break;
        case Action::Kind::kLookUpLetter:
          letter_look_ups_[action.item->sequence] = action.item;
          said_.push_back("look up letter of " + sequence);
          break;
        case Action::Kind::kLookUp:
          look_ups_[action.item->sequence] = action.item;
          said_.push_back("look up " + sequence);
          break;
        case Action::Kind::kStuck:
          said_.push_back("stuck " + sequence);
          break;
      }
    }
  }

  DeliveryOptions options_{.retry = {.max_attempts = 3, .min_backoff = milliseconds{100}, .jitter = 0}};
  std::unique_ptr<DeliveryStateMachine> flow_ = std::make_unique<DeliveryStateMachine>(options_);
  TimePoint now_{seconds{1000}};
  std::map<std::uint64_t, InFlightMessage*> running_;
  std::map<std::uint64_t, InFlightMessage*> letters_;
  std::map<std::uint64_t, InFlightMessage*> removals_;
  std::map<std::uint64_t, InFlightMessage*> letter_look_ups_;
  std::map<std::uint64_t, InFlightMessage*> look_ups_;
  std::size_t bytes_ = 100;
  std::vector<std::string> said_;
  std::size_t granted_ = 0;
};

}  // namespace penstock::eventbus
