// SPDX-License-Identifier: Apache-2.0
#include "jetstream/library_wire.h"

#include <sys/socket.h>

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
  for (const auto& [subject, body, reply] : publications) {
    const int size = static_cast<int>(body.size());
    if (status != NATS_OK) break;
    status = reply.empty()
                 ? natsConnection_Publish(connection_, subject.data(), body.data(), size)
                 : natsConnection_PublishRequest(connection_, subject.data(), reply.data(), body.data(), size);
  }
  return status;
}

bool LibraryWire::HasUnwritten() const { return library_unwritten(); }

// The library takes writing nothing for a closed connection.
bool LibraryWire::Write() {
  if (natsConnection_Buffered(connection_) > 0) natsConnection_ProcessWriteEvent(connection_);
  return !library_unwritten();
}

}  // namespace penstock::eventbus::jetstream
