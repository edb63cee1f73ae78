// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/resolve.h"

#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/socket/dial.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook(20);  // between two looks at what ends the wait early

struct Answer {
  int error = 0;
  AddressList addresses{};
};

Answer Look(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  return {error, AddressList(found)};
}

// A thread of our own, detached, since nothing can interrupt `getaddrinfo`. Not `getaddrinfo_a`: ThreadSanitizer does
// not know the threads that the C library makes for it.
std::future<Answer> Ask(const std::string& host, const std::string& port) {
  std::packaged_task<Answer()> task([host, port] {
    SetThreadName("ps-resolve");
    return Look(host, port, AI_ADDRCONFIG);
  });
  std::future<Answer> answer = task.get_future();
  std::thread(std::move(task)).detach();
  return answer;
}

bool IsReadable(int descriptor) {
  pollfd fd{descriptor, POLLIN, 0};
  return poll(&fd, 1, 0) > 0;
}

absl::Status Unresolved(const std::string& host, const char* why) {
  return absl::UnavailableError(absl::StrCat("resolve ", Quoted(host), ": ", why));
}

}  // namespace

absl::StatusOr<AddressList> Resolve(const std::string& host, const std::string& port, const WaitLimit& limit) try {
  if (Answer numeric = Look(host, port, AI_NUMERICHOST); numeric.error == 0) return std::move(numeric.addresses);
  std::future<Answer> asked = Ask(host, port);
  while (asked.wait_for(kLook) != std::future_status::ready) {
    if (IsReadable(limit.cancel_descriptor)) return absl::CancelledError("connect: the connection is being closed");
    if (Clock::now() >= limit.deadline) return Unresolved(host, "no answer in time");
  }
  Answer answer = asked.get();
  if (answer.error != 0) return Unresolved(host, gai_strerror(answer.error));
  return std::move(answer.addresses);
} catch (const std::system_error& error) {
  return absl::ResourceExhaustedError(
      absl::StrCat("resolve ", Quoted(host), ": ", error.what(), "; raise the limit of threads"));
}

}  // namespace penstock::eventbus::jetstream
