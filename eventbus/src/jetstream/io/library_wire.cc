// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/library_wire.h"

#include <sys/socket.h>

#include <string>
#include <utility>

#include "jetstream/protocol/header_block.h"
#include "jetstream/io/library_socket.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kMostOver = 256;
constexpr std::size_t kMostOverBytes = 256 << 10;

}  // namespace

LibraryWire::~LibraryWire() { CloseAfterLibrary(socket_); }

natsStatus LibraryWire::Attach(natsConnection* connection, natsSock socket) {
  connection_ = connection;
  socket_ = socket;
  return NATS_OK;
}

void LibraryWire::Detach() {
  if (!LibraryClosesSocket()) shutdown(socket_, SHUT_RDWR);
}

void LibraryWire::Read(FrameReader::Takers& /*takers*/) { natsConnection_ProcessReadEvent(connection_); }

natsStatus LibraryWire::Publish(std::span<const Publication> publications) {
  natsStatus status = NATS_OK;
  for (const Publication& each : publications) {
    if (status == NATS_OK) status = PublishOne(each);
  }
  return status;
}

natsStatus LibraryWire::PublishOne(const Publication& publication) {
  const auto& [subject, body, reply, headers] = publication;
  const int size = static_cast<int>(body.size());
  if (!headers.empty()) return PublishWithHeaders(publication);
  if (reply.empty()) return natsConnection_Publish(connection_, subject.data(), body.data(), size);
  return natsConnection_PublishRequest(connection_, subject.data(), reply.data(), body.data(), size);
}

natsStatus LibraryWire::PublishWithHeaders(const Publication& publication) {
  const auto& [subject, body, reply, headers] = publication;
  natsMsg* raw = nullptr;
  natsStatus status = natsMsg_Create(&raw, subject.data(), reply.empty() ? nullptr : reply.data(), body.data(),
                                     static_cast<int>(body.size()));
  ComposedHandle message(raw);
  for (const auto& [name, value] : ParseHeaderBlock(headers).fields) {
    if (status == NATS_OK) status = natsMsgHeader_Add(raw, std::string(name).c_str(), std::string(value).c_str());
  }
  if (status == NATS_OK) status = natsConnection_PublishMsg(connection_, raw);
  Bury(std::move(message));
  return status;
}

// The library frees messages on a thread of its own: woken for each, it costs as much as sending them did.
void LibraryWire::Bury(ComposedHandle published) {
  if (published == nullptr) return;
  MutexLock lock(mutex_);
  over_bytes_ += static_cast<std::size_t>(natsMsg_GetDataLength(published.get()));
  over_.push_back(std::move(published));
  if (over_.size() < kMostOver && over_bytes_ < kMostOverBytes) return;
  over_.clear();
  over_bytes_ = 0;
}

bool LibraryWire::HasUnwritten() const { return library_unwritten(); }

// The library takes writing nothing for a closed connection.
bool LibraryWire::Write() {
  if (natsConnection_Buffered(connection_) > 0) natsConnection_ProcessWriteEvent(connection_);
  return !library_unwritten();
}

}  // namespace penstock::eventbus::jetstream
