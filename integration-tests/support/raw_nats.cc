// SPDX-License-Identifier: Apache-2.0
#include "support/raw_nats.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace penstock::testing {
namespace {

constexpr std::chrono::seconds kTimeout(5);

std::chrono::steady_clock::time_point After(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

int Dial(int port) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return socket_fd;
  close(socket_fd);
  return -1;
}

// abseil's string_view is not std's on every supported system.
std::string Text(std::string_view text) { return std::string(text); }

}  // namespace

absl::StatusOr<RawNats> RawNats::Connect(int port, std::string_view connect_json) {
  RawNats client(Dial(port));
  if (client.socket_ < 0) return absl::UnavailableError(absl::StrCat("connect to port ", port, ": refused"));
  absl::StatusOr<std::string> greeting = client.ReadLine(After(kTimeout));
  if (!greeting.ok()) return greeting.status();
  if (!absl::StartsWith(*greeting, "INFO ")) return absl::UnavailableError("connect: no INFO but " + *greeting);
  client.info_ = greeting->substr(5);
  if (absl::StrContains(client.info_, "\"tls_required\":true")) {
    if (absl::Status encrypted = client.Encrypt(); !encrypted.ok()) return encrypted;
  }
  if (absl::Status sent = client.Send(absl::StrCat("CONNECT ", Text(connect_json), "\r\n")); !sent.ok()) return sent;
  if (absl::Status answered = client.Ping(); !answered.ok()) return answered;
  return client;
}

bool RawNats::Greets(int port) {
  RawNats client(Dial(port));
  if (client.socket_ < 0) return false;
  const absl::StatusOr<std::string> greeting = client.ReadLine(After(std::chrono::seconds(1)));
  return greeting.ok() && absl::StartsWith(*greeting, "INFO ");
}

bool RawNats::Accepts(int port) { return RawNats(Dial(port)).socket_ >= 0; }

RawNats::RawNats(RawNats&& other) noexcept { *this = std::move(other); }

RawNats& RawNats::operator=(RawNats&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(tls_, other.tls_);
  std::swap(last_subscription_, other.last_subscription_);
  std::swap(buffer_, other.buffer_);
  std::swap(info_, other.info_);
  std::swap(waiting_, other.waiting_);
  return *this;
}

RawNats::~RawNats() {
  if (socket_ >= 0) close(socket_);
}

absl::Status RawNats::Publish(std::string_view subject, std::string_view body, std::string_view reply,
                              std::string_view headers) {
  const std::string to = reply.empty() ? Text(subject) : absl::StrCat(Text(subject), " ", Text(reply));
  if (headers.empty()) return Send(absl::StrCat("PUB ", to, " ", body.size(), "\r\n", Text(body), "\r\n"));
  const char* const first_line = headers.substr(0, 8) == "NATS/1.0" ? "" : "NATS/1.0\r\n";
  const std::string block = absl::StrCat(first_line, Text(headers), "\r\n");
  return Send(
      absl::StrCat("HPUB ", to, " ", block.size(), " ", block.size() + body.size(), "\r\n", block, Text(body), "\r\n"));
}

absl::StatusOr<int> RawNats::Subscribe(std::string_view subject) {
  const int subscription = ++last_subscription_;
  absl::Status sent = Send(absl::StrCat("SUB ", Text(subject), " ", subscription, "\r\n"));
  if (!sent.ok()) return sent;
  return subscription;
}

absl::Status RawNats::Unsubscribe(int subscription) { return Send(absl::StrCat("UNSUB ", subscription, "\r\n")); }

absl::StatusOr<RawMessage> RawNats::Next(std::chrono::milliseconds timeout) {
  if (waiting_.empty()) return ReadNext(After(timeout));
  RawMessage message = std::move(waiting_.front());
  waiting_.pop_front();
  return message;
}

absl::StatusOr<RawMessage> RawNats::ReadNext(Deadline deadline) {
  while (true) {
    absl::StatusOr<std::string> line = ReadLine(deadline);
    if (!line.ok()) return line.status();
    if (absl::StartsWith(*line, "MSG ") || absl::StartsWith(*line, "HMSG ")) return ReadMessage(*line, deadline);
    if (absl::StartsWith(*line, "-ERR")) return absl::UnavailableError("server says " + *line);
    if (*line != "PING") continue;
    if (absl::Status sent = Send("PONG\r\n"); !sent.ok()) return sent;
  }
}

absl::StatusOr<RawMessage> RawNats::ReadMessage(std::string_view line, Deadline deadline) {
  const std::vector<std::string> fields = absl::StrSplit(Text(line), ' ', absl::SkipEmpty());
  const bool with_headers = fields[0] == "HMSG";
  const std::size_t sizes = with_headers ? 2 : 1;
  std::size_t header_bytes = 0, total_bytes = 0;
  RawMessage message;
  if (fields.size() < 3 + sizes || !absl::SimpleAtoi(fields[2], &message.subscription) ||
      !absl::SimpleAtoi(fields.back(), &total_bytes) ||
      (with_headers && !absl::SimpleAtoi(fields[fields.size() - 2], &header_bytes)) || header_bytes > total_bytes) {
    return absl::InternalError("broken message line " + Text(line));
  }
  message.subject = fields[1];
  if (fields.size() > 3 + sizes) message.reply = fields[3];
  absl::StatusOr<std::string> bytes = ReadBytes(total_bytes + 2, deadline);
  if (!bytes.ok()) return bytes.status();
  message.headers = bytes->substr(0, header_bytes);
  message.body = bytes->substr(header_bytes, total_bytes - header_bytes);
  return message;
}

absl::StatusOr<RawMessage> RawNats::Request(std::string_view subject, std::string_view body, std::string_view headers,
                                            std::chrono::milliseconds timeout) {
  const std::string inbox =
      absl::StrCat("_INBOX.raw.", getpid(), ".", reinterpret_cast<std::uintptr_t>(this), ".", last_subscription_ + 1);
  absl::StatusOr<int> subscription = Subscribe(inbox);
  if (!subscription.ok()) return subscription.status();
  if (absl::Status sent = Publish(subject, body, inbox, headers); !sent.ok()) return sent;
  const Deadline deadline = After(timeout);
  absl::StatusOr<RawMessage> answer = ReadNext(deadline);
  while (answer.ok() && answer->subscription != *subscription) {
    waiting_.push_back(*std::move(answer));
    answer = ReadNext(deadline);
  }
  if (absl::Status sent = Unsubscribe(*subscription); !sent.ok()) return sent;
  return answer;
}

absl::Status RawNats::Ping() {
  if (absl::Status sent = Send("PING\r\n"); !sent.ok()) return sent;
  const Deadline deadline = After(kTimeout);
  while (true) {
    absl::StatusOr<std::string> line = ReadLine(deadline);
    if (!line.ok()) return line.status();
    if (*line == "PONG") return absl::OkStatus();
    if (absl::StartsWith(*line, "MSG ") || absl::StartsWith(*line, "HMSG ")) {
      absl::StatusOr<RawMessage> message = ReadMessage(*line, deadline);
      if (!message.ok()) return message.status();
      waiting_.push_back(*std::move(message));
    }
    if (absl::StartsWith(*line, "-ERR")) return absl::UnavailableError("server says " + *line);
  }
}

absl::Status RawNats::Encrypt() {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  tls_.reset(SSL_new(context.get()));
  SSL_set_fd(tls_.get(), socket_);
  if (SSL_connect(tls_.get()) != 1) return absl::UnavailableError("connect: the TLS handshake failed");
  // A record of which only a part has come must not hold up a read for longer than its deadline.
  const timeval moment{.tv_sec = 0, .tv_usec = 20'000};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
  return absl::OkStatus();
}

absl::Status RawNats::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                              : send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return absl::UnavailableError("send: the server closed the connection");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return absl::OkStatus();
}

absl::Status RawNats::Fill(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd readable{socket_, POLLIN, 0};
  const bool decrypted = tls_ && SSL_pending(tls_.get()) > 0;
  if (!decrypted && (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0)) {
    return absl::DeadlineExceededError("receive: nothing came in time");
  }
  char chunk[65536];
  const ssize_t count = tls_ ? SSL_read(tls_.get(), chunk, sizeof chunk) : recv(socket_, chunk, sizeof chunk, 0);
  if (tls_ && count <= 0 && SSL_get_error(tls_.get(), static_cast<int>(count)) == SSL_ERROR_WANT_READ) {
    return absl::OkStatus();
  }
  if (count <= 0) return absl::UnavailableError("receive: the server closed the connection");
  buffer_.append(chunk, static_cast<std::size_t>(count));
  return absl::OkStatus();
}

absl::StatusOr<std::string> RawNats::ReadLine(Deadline deadline) {
  std::size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (absl::Status filled = Fill(deadline); !filled.ok()) return filled;
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

absl::StatusOr<std::string> RawNats::ReadBytes(std::size_t count, Deadline deadline) {
  while (buffer_.size() < count) {
    if (absl::Status filled = Fill(deadline); !filled.ok()) return filled;
  }
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return bytes;
}

}  // namespace penstock::testing
