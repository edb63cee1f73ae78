// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "jetstream/protocol/protocol_parser.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// The handler of one subscription's messages.
class InboundHandler : public ProtocolParser::MessageSink {
 public:
  virtual ~InboundHandler() = default;
  /// Whether user handlers wait for what comes here.
  virtual bool feeds_handlers() const = 0;
  /// After each read: handles the messages that came. On the loop's thread, as the next; must not block.
  virtual void OnReadable() = 0;
  /// No input is pending: the loop is about to sleep.
  virtual void OnIdle() = 0;
};

/// The subscriptions of one connection. Handlers are called between `BeginCalls` and `EndCalls`, by one thread; a
/// handler that was removed is not called any more.
///
/// **Thread safety:** `Add` and `Remove` from any thread; the rest by the thread that calls the handlers.
class SubscriptionTable {
 public:
  /// The number of the new subscription, from 1; never used again.
  std::uint64_t Add(InboundHandler& handler);
  /// Waits for a call of the handler that runs, unless called from one. False when it was not there.
  bool Remove(InboundHandler& handler);

  /// Handlers of now are the ones to call.
  void BeginCalls();
  void EndCalls();
  /// Null when there is none.
  InboundHandler* Find(std::uint64_t subscription) const;
  template <typename Call>
  void ForEach(Call call) {
    for (std::size_t i = 0; i < called_.size(); ++i) {
      if (called_[i].handler != nullptr) call(*called_[i].handler);
    }
  }
  /// Whether one of them feeds user handlers.
  bool feeds_handlers() const { return feeds_handlers_; }

 private:
  struct Entry {
    std::uint64_t subscription = 0;
    InboundHandler* handler = nullptr;
  };

  void RemoveFromCalled(const InboundHandler& handler);

  Mutex mutex_;
  CondVar changed_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t version_ ABSL_GUARDED_BY(mutex_) = 1;  // of `entries_`
  std::uint64_t calling_ ABSL_GUARDED_BY(mutex_) = 0;  // the version whose handlers are called; 0: none

  // Of the thread that calls.
  std::vector<Entry> called_{};
  absl::flat_hash_map<std::uint64_t, InboundHandler*> by_subscription_{};
  std::uint64_t called_version_ = 0;
  bool feeds_handlers_ = false;
};

}  // namespace penstock::eventbus::jetstream
