// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/resolve.h"

#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "jetstream/socket/dial.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook(20);  // between two looks at what ends the wait early
constexpr std::chrono::milliseconds kNoTime(0);
constexpr const char* kUnresolvedMark = "penstock/unresolved";

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

// On a thread of our own, since nothing can interrupt `getaddrinfo`; the future joins it. Not `getaddrinfo_a`:
// ThreadSanitizer does not know the threads that the C library makes for it.
std::future<Answer> Ask(const std::string& host, const std::string& port) {
  return std::async(std::launch::async, [host, port] {
    SetThreadName("ps-resolve");
    return Look(host, port, AI_ADDRCONFIG);
  });
}

bool IsAnswered(const std::future<Answer>& asked) { return asked.wait_for(kNoTime) == std::future_status::ready; }

/// Keeps the question until the resolver has answered it, and lets go of those that it has answered since.
void LeaveBehind(std::future<Answer> asked) {
  static Mutex* const kMutex = new Mutex;
  static auto* const kLeftBehind = new std::vector<std::future<Answer>>;
  MutexLock lock(*kMutex);
  std::erase_if(*kLeftBehind, IsAnswered);
  kLeftBehind->push_back(std::move(asked));
}

bool IsReadable(int descriptor) {
  pollfd fd{descriptor, POLLIN, 0};
  return poll(&fd, 1, 0) > 0;
}

absl::Status Unresolved(const std::string& host, const char* why) {
  absl::Status status = absl::UnavailableError(
      absl::StrCat("resolve ", Quoted(host), ": ", why, "; check the name in the url, and the resolver"));
  status.SetPayload(kUnresolvedMark, absl::Cord());
  return status;
}

}  // namespace

bool IsUnresolved(const absl::Status& status) { return status.GetPayload(kUnresolvedMark).has_value(); }

absl::StatusOr<AddressList> Resolve(const std::string& host, const std::string& port, const WaitLimit& limit) try {
  if (Answer numeric = Look(host, port, AI_NUMERICHOST); numeric.error == 0) return std::move(numeric.addresses);
  std::future<Answer> asked = Ask(host, port);
  while (asked.wait_for(kLook) != std::future_status::ready) {
    const bool cancelled = IsReadable(limit.cancel_descriptor);
    if (!cancelled && Clock::now() < limit.deadline) continue;
    LeaveBehind(std::move(asked));
    if (cancelled) return absl::CancelledError("connect: the connection is being closed");
    return Unresolved(host, "no answer in time");
  }
  Answer answer = asked.get();
  if (answer.error != 0) return Unresolved(host, gai_strerror(answer.error));
  return std::move(answer.addresses);
} catch (const std::system_error& error) {
  return absl::ResourceExhaustedError(
      absl::StrCat("resolve ", Quoted(host), ": ", error.what(), "; raise the limit of threads"));
}

}  // namespace penstock::eventbus::jetstream
