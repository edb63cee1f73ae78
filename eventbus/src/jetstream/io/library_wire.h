// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "jetstream/io/handles.h"
#include "jetstream/io/wire.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Leaves all to the library: what is encrypted, only that can read.
class LibraryWire final : public Wire {
 public:
  ~LibraryWire() override;

  natsStatus Attach(natsConnection* connection, natsSock socket) override;
  void Detach() override;
  bool finds_takers() const override { return false; }
  int socket() const override { return socket_; }
  void Read(FrameReader::Takers& takers) override;
  natsStatus Publish(std::span<const Publication> publications) override;
  bool HasUnwritten() const override;
  bool Write() override;

 private:
  natsStatus PublishOne(const Publication& publication);
  natsStatus PublishWithHeaders(const Publication& publication);
  void Bury(ComposedHandle published);

  natsConnection* connection_ = nullptr;
  natsSock socket_ = -1;
  Mutex mutex_;
  std::vector<ComposedHandle> over_ ABSL_GUARDED_BY(mutex_){};  // freed many at a time
  std::size_t over_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock::eventbus::jetstream
