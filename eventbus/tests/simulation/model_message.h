// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "message/stored_message.h"

namespace penstock::eventbus::simulation {

/// A delivery as a consumer hands it over. Its body is bytes that are counted while it lives.
class ModelMessage final : public StoredMessage {
 public:
  struct Facts {
    std::uint64_t sequence = 0;
    std::uint64_t delivery_count = 1;
    std::uint64_t pending = 0;
    std::size_t bytes = 0;
    std::size_t record = 0;         ///< in the ledger
    std::uint64_t incarnation = 0;  ///< of the consumer
    std::uint64_t message_id = 0;   ///< 0: none
    std::uint64_t fence = 0;        ///< of the ownership that it was delivered to
  };

  ModelMessage(const Facts& facts, std::string key, std::size_t* live_bytes)
      : facts_(facts),
        key_(std::move(key)),
        message_id_(facts.message_id == 0 ? std::string() : std::to_string(facts.message_id)),
        live_bytes_(live_bytes) {
    stream_sequence_ = facts.sequence;
    delivery_count_ = facts.delivery_count;
    pending_ = facts.pending;
    fence_ = facts.fence;
    size_bytes_ = facts.bytes;
    *live_bytes_ += facts.bytes;
  }
  ~ModelMessage() override { *live_bytes_ -= facts_.bytes; }

  std::optional<std::string_view> Header(std::string_view name) const override {
    if (name != header::kMessageId || message_id_.empty()) return std::nullopt;
    return message_id_;
  }
  Headers AllHeaders() const override { return {}; }
  std::unique_ptr<StoredMessage> Stub() const override {
    Facts stub = facts_;
    stub.bytes = 0;
    stub.message_id = 0;
    return std::make_unique<ModelMessage>(stub, std::string(), live_bytes_);
  }

  const std::string& key() const { return key_; }
  const Facts& facts() const { return facts_; }

 private:
  const Facts facts_;
  const std::string key_;
  const std::string message_id_;
  std::size_t* const live_bytes_;
};

inline const ModelMessage::Facts& FactsOf(const StoredMessage& message) {
  return static_cast<const ModelMessage&>(message).facts();
}

}  // namespace penstock::eventbus::simulation
