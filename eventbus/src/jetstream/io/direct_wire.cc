// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/direct_wire.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "jetstream/io/library_socket.h"
#include "naming/characters.h"

namespace penstock::eventbus::jetstream {
namespace {

// What the library reads at once is more, and a pair of sockets holds several times that.
constexpr std::size_t kMostPassed = 32 << 10;
constexpr std::string_view kLineEnd = "\r\n";
// Of a line: its type, two sizes, spaces and the end.
constexpr std::size_t kMostDigits = 20;
constexpr std::size_t kMostBesideSubjects = 5 + 2 * (kMostDigits + 1) + 2 + 2;
// What is kept of a buffer that was larger once.
constexpr std::size_t kMostKept = 1 << 20;

// Nothing that could end a line or a word of it: the server takes lines apart by these.
bool FitsInLine(std::string_view text) {
  if (FindNotVisibleAscii(text) == std::string_view::npos) return true;
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; });
}

bool IsFit(const Publication& each) {
  return !each.subject.empty() && FitsInLine(each.subject) && (each.reply.empty() || FitsInLine(each.reply));
}

char* Put(char* to, std::string_view text) { return std::ranges::copy(text, to).out; }
char* Put(char* to, std::size_t number) { return std::to_chars(to, to + kMostDigits, number).ptr; }

// The line is put into room made for it at once: to append word by word costs more than what it copies.
void AppendLine(std::string& to, const Publication& publication) {
  const auto& [subject, body, reply, headers] = publication;
  const std::size_t before = to.size();
  to.resize(before + subject.size() + reply.size() + kMostBesideSubjects);
  char* at = Put(to.data() + before, headers.empty() ? "PUB " : "HPUB ");
  at = Put(Put(at, subject), " ");
  if (!reply.empty()) at = Put(Put(at, reply), " ");
  if (!headers.empty()) at = Put(Put(at, headers.size()), " ");
  at = Put(Put(at, headers.size() + body.size()), kLineEnd);
  to.resize(static_cast<std::size_t>(at - to.data()));
}

void AppendFrame(std::string& to, const Publication& publication) {
  AppendLine(to, publication);
  if (!publication.headers.empty()) to.append(publication.headers);
  to.append(publication.body).append(kLineEnd);
}

void CloseIfOpen(int file) {
  if (file >= 0) close(file);
}

}  // namespace

DirectWire::~DirectWire() {
  CloseIfOpen(server_);
  CloseIfOpen(library_);
  CloseAfterLibrary(its_end_);
}

// The library goes on with the number of its socket, which is one end of the pair from now on.
natsStatus DirectWire::Attach(natsConnection* connection, natsSock socket) {
  std::array<int, 2> pair{-1, -1};
  const int server = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  const bool made = server >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0;
  if (!made || dup3(pair[0], socket, O_CLOEXEC) < 0) {
    for (const int file : {server, pair[0], pair[1]}) CloseIfOpen(file);
    return NATS_SYS_ERROR;
  }
  close(pair[0]);
  connection_ = connection;
  server_ = server;
  library_ = pair[1];
  its_end_ = socket;
  return NATS_OK;
}

void DirectWire::Detach() {
  over_.store(true, std::memory_order_relaxed);
  shutdown(server_, SHUT_RDWR);
}

// The library finds that nothing comes any more, and gives the connection up.
void DirectWire::HangUp() {
  shutdown(library_, SHUT_RDWR);
  natsConnection_ProcessReadEvent(connection_);
}

void DirectWire::Read(FrameReader::Takers& takers) {
  const std::array<iovec, 2> room = reader_.Room();
  const ssize_t bytes = readv(server_, room.data(), static_cast<int>(room.size()));
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (bytes <= 0) return HangUp();
  PassToLibrary(reader_.Arrived(static_cast<std::size_t>(bytes), takers));
  if (reader_.lost()) HangUp();
}

void DirectWire::PassToLibrary(std::string_view bytes) {
  while (!bytes.empty() && !over_.load(std::memory_order_relaxed)) {
    const ssize_t written = send(library_, bytes.data(), std::min(bytes.size(), kMostPassed), MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN && errno != EINTR) return;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    int unread = 0;
    do {
      natsConnection_ProcessReadEvent(connection_);
    } while (!over_.load(std::memory_order_relaxed) && ioctl(library_, SIOCOUTQ, &unread) == 0 && unread > 0);
  }
}

natsStatus DirectWire::Publish(std::span<const Publication> publications) {
  if (!std::ranges::all_of(publications, IsFit)) return NATS_INVALID_SUBJECT;
  if (over_.load(std::memory_order_relaxed)) return NATS_CONNECTION_CLOSED;
  MutexLock lock(mutex_);
  TakeFromLibrary();
  for (const Publication& each : publications) AppendFrame(queue_, each);
  queued_.store(true);
  return NATS_OK;
}

// Until the library holds nothing: so that what it has taken comes before what is published after that.
void DirectWire::TakeFromLibrary() {
  if (!library_unwritten()) return;
  while (!over_.load(std::memory_order_relaxed) && natsConnection_Buffered(connection_) > 0) {
    natsConnection_ProcessWriteEvent(connection_);
    ReadFromLibrary();
  }
}

void DirectWire::ReadFromLibrary() {
  std::array<char, 16 << 10> bytes;
  while (true) {
    const ssize_t count = recv(library_, bytes.data(), bytes.size(), 0);
    if (count <= 0) return;
    queue_.append(bytes.data(), static_cast<std::size_t>(count));
    if (static_cast<std::size_t>(count) < bytes.size()) return;
  }
}

void DirectWire::NextToSend() {
  sending_.clear();
  sent_ = 0;
  if (sending_.capacity() > kMostKept) sending_.shrink_to_fit();
  MutexLock lock(mutex_);
  TakeFromLibrary();
  sending_.swap(queue_);
  queued_.store(!sending_.empty());
}

// What cannot be written any more is dropped: whoever reads finds the connection at its end.
bool DirectWire::Write() {
  if (sent_ == sending_.size()) NextToSend();
  while (sent_ < sending_.size()) {
    const ssize_t count = send(server_, sending_.data() + sent_, sending_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return false;
    sent_ = count < 0 ? sending_.size() : sent_ + static_cast<std::size_t>(count);
  }
  MutexLock lock(mutex_);
  queued_.store(!queue_.empty());
  return true;
}

}  // namespace penstock::eventbus::jetstream
