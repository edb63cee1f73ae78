// SPDX-License-Identifier: Apache-2.0
#include "http_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace penstock::metrics {
namespace {

bool MustWait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

short HttpConnection::interest() const { return state_ == State::kWriting ? POLLOUT : POLLIN; }

bool HttpConnection::Advance(const Responder& respond) {
  if (state_ == State::kReading) return Read(respond);
  return state_ == State::kWriting ? Write() : Discard();
}

bool HttpConnection::Read(const Responder& respond) {
  std::array<char, 2048> buffer;
  const ssize_t count = recv(fd(), buffer.data(), buffer.size(), 0);
  if (count < 0) return MustWait();
  if (count == 0) return false;
  input_.append(buffer.data(), static_cast<std::size_t>(count));
  const HttpRequest request = ParseHttpRequest(input_);
  if (request.status == 0) return true;
  output_ =
      SerializeHttpReply(request.status == 200 ? respond(request.path) : Refusal(request.status), request.head_only);
  state_ = State::kWriting;
  return Write();
}

bool HttpConnection::Write() {
  const ssize_t count = send(fd(), output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
  if (count < 0) return MustWait();
  written_ += static_cast<std::size_t>(count);
  if (written_ < output_.size()) return true;
  // Closing while the client still sends would reset the connection and could take the reply with it.
  state_ = State::kClosing;
  return shutdown(fd(), SHUT_WR) == 0;
}

bool HttpConnection::Discard() {
  std::array<char, 2048> buffer;
  const ssize_t count = recv(fd(), buffer.data(), buffer.size(), 0);
  return count > 0 || (count < 0 && MustWait());
}

}  // namespace penstock::metrics
