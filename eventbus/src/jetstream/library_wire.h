// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "jetstream/wire.h"

namespace penstock::eventbus::jetstream {

/// Leaves all to the library: what is encrypted, only that can read.
class LibraryWire final : public Wire {
 public:
  ~LibraryWire() override;

  natsStatus Attach(natsConnection* connection, natsSock socket) override;
  void Detach() override;
  bool finds_takers() const override { return false; }
  int socket() const override { return socket_; }
  void Read(FrameReader::Receiver& receiver) override;
  natsStatus Publish(std::span<const Publication> publications) override;
  bool HasUnwritten() const override;
  bool Write() override;

 private:
  natsStatus PublishOne(const Publication& publication);

  natsConnection* connection_ = nullptr;
  natsSock socket_ = -1;
};

}  // namespace penstock::eventbus::jetstream
