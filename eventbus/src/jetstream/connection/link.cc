// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/link.h"

#include <algorithm>
#include <utility>

#include "jetstream/connection/status_mapping.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::int64_t kLastFlushMs = 500;  // as the library's own, on closing

}  // namespace

Link::Link(ConnectionHandle connection, std::unique_ptr<EventLoop> loop, std::uint64_t generation,
           std::function<void()> broken, std::shared_ptr<std::atomic<std::uint64_t>> dropped)
    : loop_(std::move(loop)),
      connection_(std::move(connection)),
      generation_(generation),
      max_payload_bytes_(static_cast<std::size_t>(natsConnection_GetMaxPayload(connection_.get()))),
      broken_(std::move(broken)),
      dropped_(std::move(dropped)) {
  loop_->Start();
}

Link::~Link() { Close(); }

absl::Status Link::Publish(std::span<const Publication> publications) {
  const natsStatus status = Send(publications);
  if (status == NATS_OK) return absl::OkStatus();
  if (IsConnectionFault(status)) return absl::UnavailableError("publish: the connection was lost; it is being remade");
  return NatsError("publish", status);
}

natsStatus Link::Send(std::span<const Publication> publications) {
  const bool fit = std::ranges::all_of(publications, [this](const Publication& each) {
    return each.headers.size() + each.body.size() <= max_payload_bytes_;
  });
  const natsStatus status = fit ? loop_->Publish(publications) : NATS_MAX_PAYLOAD;
  if (status != NATS_OK) Report(status);
  return status;
}

natsStatus Link::Request(natsMsg** reply, const std::string& subject, std::string_view body, std::int64_t timeout_ms) {
  if (!BeginRequest()) return NATS_CONNECTION_CLOSED;
  const EventLoop::Hurry hurry(*loop_);
  const natsStatus status = natsConnection_Request(reply, connection_.get(), subject.c_str(), body.data(),
                                                   static_cast<int>(body.size()), timeout_ms);
  EndRequest();
  return status;
}

bool Link::Ping(std::int64_t timeout_ms) {
  if (!BeginRequest()) return false;
  const EventLoop::Hurry hurry(*loop_);
  const natsStatus status = natsConnection_FlushTimeout(connection_.get(), timeout_ms);
  EndRequest();
  return status == NATS_OK;
}

bool Link::BeginRequest() {
  MutexLock lock(mutex_);
  if (closing_) return false;
  ++requests_;
  return true;
}

void Link::EndRequest() {
  MutexLock lock(mutex_);
  if (--requests_ == 0) no_requests_.NotifyAll();
}

void Link::Close() {
  const bool failed = failed_.exchange(true, std::memory_order_relaxed);
  {
    MutexLock lock(mutex_);
    closing_ = true;
    while (requests_ > 0) no_requests_.Wait(lock);
  }
  // What was published goes out while the loop can still write it; nothing is read any more while the library takes
  // its own subscriptions apart.
  if (!failed && loop_->HasUnwritten()) natsConnection_FlushTimeout(connection_.get(), kLastFlushMs);
  loop_->Stop();
  natsConnection_Close(connection_.get());
}

void Link::Report(natsStatus status) {
  if (!IsConnectionFault(status)) return;
  failed_.store(true, std::memory_order_relaxed);
  broken_();
}

void Link::CountDropped(std::int64_t count) {
  if (count > 0) dropped_->fetch_add(static_cast<std::uint64_t>(count), std::memory_order_relaxed);
}

}  // namespace penstock::eventbus::jetstream
