// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/stream_registry.h"

#include <memory>
#include <utility>

#include "penstock/actorpool/internal/origin_process.h"
#include "streams/stream_set.h"

namespace penstock::actorpool {

absl::StatusOr<std::shared_ptr<StreamSet>> AnyStreamRegistry::Open(ActorPool& pool, StreamRegistryOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  auto streams = std::make_shared<StreamSet>(pool, std::move(options));
  if (absl::Status status = streams->Attach(); !status.ok()) return status;
  return streams;
}

AnyStreamRegistry::~AnyStreamRegistry() {
  if (streams_->origin().left()) {
    LeaveToParent(std::make_unique<std::shared_ptr<StreamSet>>(std::move(streams_)));
    return;
  }
  streams_->Stop();
  streams_->Detach();
}

absl::Status AnyStreamRegistry::RegisterInbox(std::string_view id, std::unique_ptr<internal::StreamInbox> inbox,
                                              const StreamOptions& options) {
  return streams_->Register(id, std::move(inbox), options);
}

absl::Status AnyStreamRegistry::DispatchTo(std::string_view id, void* message, std::chrono::milliseconds timeout) {
  return streams_->Dispatch(id, message, timeout);
}

absl::Status AnyStreamRegistry::NoCallback(std::string_view id) const { return streams_->NoCallback(id); }

absl::Status AnyStreamRegistry::Unregister(std::string_view id, Pending pending, std::chrono::milliseconds timeout) {
  return streams_->Unregister(id, pending, timeout);
}

StreamRegistryStats AnyStreamRegistry::Stats() const { return streams_->Stats(); }

absl::StatusOr<StreamStats> AnyStreamRegistry::StatsOf(std::string_view id) const { return streams_->StatsOf(id); }

absl::StatusOr<StreamDrainReport> AnyStreamRegistry::Drain(std::chrono::milliseconds timeout) {
  return streams_->Drain(timeout);
}

void AnyStreamRegistry::Stop() { streams_->Stop(); }

}  // namespace penstock::actorpool
