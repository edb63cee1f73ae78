// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "jetstream/io/wire.h"
#include "jetstream/protocol/frame_reader.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Stands between the library and the server: the library has one end of a pair of sockets in place of its own, which
/// is here. So messages go from the socket to their takers, and acknowledgements from their senders to the socket,
/// without the library's message objects, queues and locks; all else is the library's as ever (docs/adr/0013).
class DirectWire final : public Wire {
 public:
  ~DirectWire() override;

  natsStatus Attach(natsConnection* connection, natsSock socket) override;
  void Detach() override;
  bool finds_takers() const override { return true; }
  int socket() const override { return server_; }
  void Read(FrameReader::Takers& takers) override;
  natsStatus Publish(std::span<const Publication> publications) override;
  bool HasUnwritten() const override { return library_unwritten() || queued_.load(); }
  bool Write() override;

 private:
  void PassToLibrary(std::string_view bytes);
  void HangUp();
  void TakeFromLibrary() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadFromLibrary() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NextToSend();

  natsConnection* connection_ = nullptr;
  int server_ = -1;                // the connection to it
  int library_ = -1;               // our end of the pair
  int its_end_ = -1;               // which the library takes for the connection
  std::atomic<bool> over_{false};  // relaxed: a hint; whose sockets are shut down too

  FrameReader reader_{};  // of who reads

  Mutex mutex_;
  std::string queue_ ABSL_GUARDED_BY(mutex_){};  // whole frames, in the order in which they were published
  std::atomic<bool> queued_{false};              // there is something in it, or left of what is sent

  // Of who writes.
  std::string sending_{};
  std::size_t sent_ = 0;
};

}  // namespace penstock::eventbus::jetstream
