// SPDX-License-Identifier: Apache-2.0
#include "support/relay/relayed_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kMostWaiting = 256 << 10;
constexpr std::size_t kChunk = 64 << 10;
// Less than the header of the server's first handshake record announces.
constexpr std::size_t kPartOfARecord = 40;
constexpr std::string_view kLineEnd = "\r\n";

Socket Dial(int port) {
  Socket made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int done = connect(made.number(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  return done == 0 || errno == EINPROGRESS ? std::move(made) : Socket();
}

void SendAtOnce(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool WouldBlock() { return errno == EAGAIN || errno == EINTR || errno == ENOTCONN; }

// The length of the frame that `bytes` begin with; 0 when it is not whole yet.
std::size_t FrameSize(std::string_view bytes) {
  const std::size_t line = bytes.find(kLineEnd);
  if (line == std::string_view::npos) return 0;
  const std::string text(bytes.substr(0, line));
  std::size_t size = line + kLineEnd.size();
  std::size_t body = 0;
  if ((absl::StartsWith(text, "MSG ") || absl::StartsWith(text, "HMSG ")) &&
      absl::SimpleAtoi(text.substr(text.rfind(' ') + 1), &body)) {
    size += body + kLineEnd.size();
  }
  return size <= bytes.size() ? size : 0;
}

}  // namespace

Socket::Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Socket::~Socket() {
  if (number_ >= 0) close(number_);
}

RelayedConnection::RelayedConnection(Socket client, int server_port, const std::shared_ptr<TlsContext>& tls,
                                     Step silent_at)
    : client_(std::move(client)),
      server_(Dial(server_port)),
      tls_(tls == nullptr ? nullptr : std::make_unique<TlsSession>(tls)),
      silent_at_(silent_at),
      mute_(silent_at == Step::kAccepted),
      broken_(server_.number() < 0) {
  SendAtOnce(client_.number());
  SendAtOnce(server_.number());
}

bool RelayedConnection::WantsMoreFrames() const {
  return !mute_ && flood_left_ == 0 && to_client_.size() < kMostWaiting;
}

void RelayedConnection::Await(std::vector<pollfd>& polled) const {
  if (Frozen()) return;
  const bool client_readable = to_server_.size() < kMostWaiting;
  polled.push_back(
      {client_.number(),
       static_cast<short>((client_readable ? POLLIN : 0) | (to_client_.empty() && flood_left_ == 0 ? 0 : POLLOUT)), 0});
  const int of_server = (WantsMoreFrames() ? POLLIN : 0) | (to_server_.empty() ? 0 : POLLOUT);
  // Without interest it would still report the server's end, again and again.
  if (of_server != 0) polled.push_back({server_.number(), static_cast<short>(of_server), 0});
}

void RelayedConnection::Serve(const FrameRewriter& rewrite) {
  if (!Frozen()) ReadClient();
  if (!Frozen() && WantsMoreFrames()) ReadServer(rewrite);
  FillFlood();
  if (!Frozen()) WriteServer();
  if (!Frozen()) WriteClient();
}

void RelayedConnection::ReadClient() {
  if (to_server_.size() >= kMostWaiting) return;
  std::array<char, kChunk> chunk;
  const std::size_t room = std::min(chunk.size(), left_to_server_.value_or(chunk.size()));
  const ssize_t count = recv(client_.number(), chunk.data(), room, 0);
  broken_ = broken_ || count == 0 || (count < 0 && !WouldBlock());
  if (count <= 0) return;
  if (left_to_server_) *left_to_server_ -= static_cast<std::size_t>(count);
  TakeFromClient({chunk.data(), static_cast<std::size_t>(count)});
}

void RelayedConnection::TakeFromClient(std::string_view bytes) {
  if (mute_) return;
  if (tls_ == nullptr) {
    to_server_.append(bytes);
    return;
  }
  broken_ = !tls_->Receive(bytes) || broken_;
  to_client_ += tls_->TakeEncrypted();
  if (tls_->established() && silent_at_ == Step::kEncrypted) mute_ = true;
  if (!mute_) to_server_ += tls_->TakePlain();
}

void RelayedConnection::ReadServer(const FrameRewriter& rewrite) {
  std::array<char, kChunk> chunk;
  const ssize_t count = recv(server_.number(), chunk.data(), chunk.size(), 0);
  broken_ = broken_ || count == 0 || (count < 0 && !WouldBlock());
  if (count <= 0) return;
  from_server_.append(chunk.data(), static_cast<std::size_t>(count));
  std::size_t done = 0;
  for (std::size_t size = 0; (size = FrameSize(std::string_view(from_server_).substr(done))) > 0; done += size) {
    Forward(from_server_.substr(done, size), rewrite);
  }
  from_server_.erase(0, done);
}

void RelayedConnection::Forward(std::string frame, const FrameRewriter& rewrite) {
  if (mute_) return;
  const bool ends_connecting = absl::StartsWith(frame, "PONG");
  if (rewrite) frame = rewrite(std::move(frame));
  if (!std::exchange(greeted_, true)) {
    Greet(frame);
    return;
  }
  Say(frame);
  if (ends_connecting && silent_at_ == Step::kConnected) mute_ = true;
}

void RelayedConnection::Greet(std::string_view info) {
  const std::size_t brace = info.find('{');
  const bool announces_tls = tls_ != nullptr && brace != std::string_view::npos;
  to_client_ = announces_tls ? absl::StrCat(std::string(info.substr(0, brace)), "{\"tls_required\":true,",
                                            std::string(info.substr(brace + 1)))
                             : std::string(info);
  const bool answers_nothing = silent_at_ == Step::kGreeted || (silent_at_ == Step::kEncrypted && tls_ == nullptr);
  if (answers_nothing) mute_ = true;
  if (silent_at_ == Step::kInHandshake) left_to_client_ = to_client_.size() + kPartOfARecord;
}

void RelayedConnection::Say(std::string_view bytes) {
  if (tls_ == nullptr || !tls_->established()) {
    to_client_.append(bytes);
    return;
  }
  tls_->Send(bytes);
  to_client_ += tls_->TakeEncrypted();
}

void RelayedConnection::Flood(char byte, std::size_t count) {
  flood_byte_ = byte;
  flood_left_ = count;
}

void RelayedConnection::FillFlood() {
  while (flood_left_ > 0 && to_client_.size() < kMostWaiting) {
    const std::size_t count = std::min(flood_left_, kChunk);
    Say(std::string(count, flood_byte_));
    flood_left_ -= count;
  }
}

void RelayedConnection::FreezeAfter(Direction direction, std::size_t bytes) {
  (direction == Direction::kToClient ? left_to_client_ : left_to_server_) = bytes;
}

void RelayedConnection::WriteClient() {
  while (!to_client_.empty() && !Frozen()) {
    const std::size_t allowed = std::min(to_client_.size(), left_to_client_.value_or(to_client_.size()));
    const ssize_t count = send(client_.number(), to_client_.data(), allowed, MSG_NOSIGNAL);
    broken_ = broken_ || (count < 0 && !WouldBlock());
    if (count <= 0) return;
    to_client_.erase(0, static_cast<std::size_t>(count));
    bytes_to_client_ += static_cast<std::size_t>(count);
    if (left_to_client_) *left_to_client_ -= static_cast<std::size_t>(count);
  }
}

void RelayedConnection::WriteServer() {
  if (to_server_.empty()) return;
  const ssize_t count = send(server_.number(), to_server_.data(), to_server_.size(), MSG_NOSIGNAL);
  broken_ = broken_ || (count < 0 && !WouldBlock());
  if (count > 0) to_server_.erase(0, static_cast<std::size_t>(count));
}

}  // namespace penstock::testing
