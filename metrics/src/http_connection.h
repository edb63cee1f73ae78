// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "http_message.h"
#include "penstock/actorpool/internal/file_descriptor.h"

namespace penstock::metrics {

/// One accepted connection: reads a request, writes the reply, waits for the client to close. Never blocks.
/// Thread-compatible.
class HttpConnection {
 public:
  using Clock = std::chrono::steady_clock;
  /// Answers a request of status 200.
  using Responder = std::function<HttpReply(std::string_view path)>;

  HttpConnection(FileDescriptor socket, Clock::time_point deadline) : socket_(std::move(socket)), deadline_(deadline) {}

  int fd() const { return socket_.get(); }
  Clock::time_point deadline() const { return deadline_; }
  /// The events to poll for: POLLIN or POLLOUT.
  short interest() const;

  /// Does what can be done without waiting. Returns false when the connection is finished with.
  bool Advance(const Responder& respond);

 private:
  enum class State { kReading, kWriting, kClosing };

  bool Read(const Responder& respond);
  bool Write();
  bool Discard();

  FileDescriptor socket_;
  Clock::time_point deadline_;
  State state_ = State::kReading;
  std::string input_;
  std::string output_;
  std::size_t written_ = 0;
};

}  // namespace penstock::metrics
