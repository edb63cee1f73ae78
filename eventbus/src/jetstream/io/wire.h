// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>

#include <atomic>
#include <memory>
#include <span>

#include "jetstream/protocol/frame_reader.h"
#include "jetstream/protocol/publication.h"

namespace penstock::eventbus::jetstream {

/// Carries bytes between a nats.c connection and its server, for an `EventLoop`, which says what may happen at the same
/// time: one thread reads, one writes, any publish.
class Wire {
 public:
  static std::unique_ptr<Wire> Make(bool encrypted);
  virtual ~Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// The connection is made and uses `socket`. `NATS_SYS_ERROR` when the process has no file descriptor left.
  virtual natsStatus Attach(natsConnection* connection, natsSock socket) = 0;
  /// The connection is over: the server is to know. From any thread.
  virtual void Detach() = 0;

  /// Whether messages are handed to their takers; else they wait in the library's subscriptions.
  virtual bool finds_takers() const = 0;
  /// What to poll.
  virtual int socket() const = 0;
  /// Reads once, which does not block.
  virtual void Read(FrameReader::Takers& takers) = 0;

  /// Publishes these in their order, after all that was published before, in whatever way.
  virtual natsStatus Publish(std::span<const Publication> publications) = 0;
  /// Whether there is something to write, for who has seen the library's own word about it.
  virtual bool HasUnwritten() const = 0;
  /// Writes what the socket takes now. False when something is left.
  virtual bool Write() = 0;

  /// The library's word, told within its calls: it holds something to write, or nothing any more.
  void NoteUnwritten(bool unwritten) { library_unwritten_.store(unwritten); }
  bool library_unwritten() const { return library_unwritten_.load(); }

 protected:
  Wire() = default;

 private:
  std::atomic<bool> library_unwritten_{false};  // sequentially consistent: see `EventLoop`
};

}  // namespace penstock::eventbus::jetstream
