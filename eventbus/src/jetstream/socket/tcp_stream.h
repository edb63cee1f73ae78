// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "jetstream/socket/byte_stream.h"
#include "penstock/actorpool/internal/file_descriptor.h"

namespace penstock::eventbus::jetstream {

/// A connection in the clear.
class TcpStream final : public ByteStream {
 public:
  explicit TcpStream(FileDescriptor socket) : socket_(std::move(socket)) {}

  int descriptor() const override { return socket_.get(); }
  Progress Read(std::span<const iovec> room) override;
  Progress Write(std::string_view bytes) override;
  absl::Status fault() const override { return fault_; }
  void Shutdown() override;

  /// Gives the socket up, to be encrypted. Nothing else may be called after this.
  FileDescriptor TakeSocket() { return std::move(socket_); }

 private:
  FileDescriptor socket_;
  absl::Status fault_{};
};

}  // namespace penstock::eventbus::jetstream
