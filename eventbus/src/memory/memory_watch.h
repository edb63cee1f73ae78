// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "bucket/bucket_stream.h"
#include "bucket/watch_thread.h"
#include "memory/broker.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::memory {

/// A watch over a broker: reads on by itself, and has a subscriber only to be woken. Everything else as
/// `KeyValueWatch`.
class MemoryWatch final : public KeyValueWatch {
 public:
  static absl::StatusOr<std::unique_ptr<KeyValueWatch>> Start(std::shared_ptr<Broker> broker, const void* user,
                                                              const std::string& stream, const std::string& filter,
                                                              StreamWatchEvents events, std::stop_token closing);
  ~MemoryWatch() override;

  void Stop() override { thread_.Stop(); }

 private:
  MemoryWatch(std::shared_ptr<Broker> broker, std::string stream, std::string filter, StreamWatchEvents events,
              std::stop_token closing);

  void Run(const std::stop_token& stop);
  void ReportInitial(const std::stop_token& stop);
  void ReportChanges(const std::stop_token& stop);
  void Report(std::shared_ptr<const Record> record);
  void AwaitChange(const std::stop_token& stop);
  bool Ended(const std::stop_token& stop) const { return stop.stop_requested() || closing_.stop_requested(); }
  void Wake();

  const std::shared_ptr<Broker> broker_;
  const std::string stream_;
  const std::string filter_;
  const StreamWatchEvents events_;
  const std::stop_token closing_;
  std::shared_ptr<BrokerSubscriber> subscriber_{};  // set by `Start`
  std::uint64_t last_sequence_ = 0;                 // reported; of the thread

  Mutex mutex_;
  CondVar woken_;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;

  WatchThread thread_{};
};

}  // namespace penstock::eventbus::memory
