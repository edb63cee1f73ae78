// SPDX-License-Identifier: Apache-2.0
#include "jetstream/library_wire.h"

#include <sys/socket.h>

#include <string>

#include "jetstream/handles.h"
#include "jetstream/header_block.h"
#include "jetstream/library_socket.h"

namespace penstock::eventbus::jetstream {

LibraryWire::~LibraryWire() { CloseAfterLibrary(socket_); }

natsStatus LibraryWire::Attach(natsConnection* connection, natsSock socket) {
  connection_ = connection;
  socket_ = socket;
  return NATS_OK;
}

void LibraryWire::Detach() {
  if (!LibraryClosesSocket()) shutdown(socket_, SHUT_RDWR);
}

void LibraryWire::Read(FrameReader::Receiver& /*receiver*/) { natsConnection_ProcessReadEvent(connection_); }

natsStatus LibraryWire::Publish(std::span<const Publication> publications) {
  natsStatus status = NATS_OK;
  for (const Publication& each : publications) {
    if (status == NATS_OK) status = PublishOne(each);
  }
  return status;
}

natsStatus LibraryWire::PublishOne(const Publication& publication) {
  const auto& [subject, body, reply, headers] = publication;
  natsMsg* raw = nullptr;
  natsStatus status = natsMsg_Create(&raw, subject.data(), reply.empty() ? nullptr : reply.data(), body.data(),
                                     static_cast<int>(body.size()));
  const ComposedHandle message(raw);
  for (const auto& [name, value] : ParseHeaderBlock(headers).fields) {
    if (status == NATS_OK) status = natsMsgHeader_Add(raw, std::string(name).c_str(), std::string(value).c_str());
  }
  return status == NATS_OK ? natsConnection_PublishMsg(connection_, raw) : status;
}

bool LibraryWire::HasUnwritten() const { return library_unwritten(); }

// The library takes writing nothing for a closed connection.
bool LibraryWire::Write() {
  if (natsConnection_Buffered(connection_) > 0) natsConnection_ProcessWriteEvent(connection_);
  return !library_unwritten();
}

}  // namespace penstock::eventbus::jetstream
