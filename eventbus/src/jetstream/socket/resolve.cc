// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/resolve.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jetstream/socket/dial.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook(20);  // between two looks at what ends the wait early

/// One question to the resolver, answered on a thread of the C library.
class Query {
 public:
  Query(std::string host, std::string port) : host_(std::move(host)), port_(std::move(port)) {
    hints_.ai_socktype = SOCK_STREAM;
    hints_.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    control_.ar_name = host_.c_str();
    control_.ar_service = port_.c_str();
    control_.ar_request = &hints_;
  }
  ~Query() { TakeResult(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  int Begin() {
    gaicb* list[] = {&control_};
    sigevent silent{};
    silent.sigev_notify = SIGEV_NONE;
    return getaddrinfo_a(GAI_NOWAIT, list, 1, &silent);
  }
  void Await(std::chrono::nanoseconds time) {
    const gaicb* list[] = {&control_};
    const timespec timeout{.tv_sec = 0, .tv_nsec = static_cast<long>(time.count())};
    gai_suspend(list, 1, &timeout);
  }
  bool answered() { return gai_error(&control_) != EAI_INPROGRESS; }
  int error() { return gai_error(&control_); }
  AddressList TakeResult() { return AddressList(std::exchange(control_.ar_result, nullptr)); }
  /// Whether the resolver will not touch it any more.
  bool Cancel() { return gai_cancel(&control_) != EAI_NOTCANCELED; }

 private:
  const std::string host_, port_;
  addrinfo hints_{};
  gaicb control_{};
};

/// Keeps the questions that nobody waits for any more until the resolver has let go of them.
void Abandon(std::unique_ptr<Query> query) {
  static Mutex* const kMutex = new Mutex;
  static auto* const kAbandoned = new std::vector<std::unique_ptr<Query>>;
  const bool over = query->Cancel();
  MutexLock lock(*kMutex);
  std::erase_if(*kAbandoned, [](const std::unique_ptr<Query>& each) { return each->answered(); });
  if (!over) kAbandoned->push_back(std::move(query));
}

bool IsReadable(int descriptor) {
  pollfd fd{descriptor, POLLIN, 0};
  return poll(&fd, 1, 0) > 0;
}

absl::Status Unresolved(const std::string& host, int error) {
  return absl::UnavailableError(absl::StrCat("resolve ", Quoted(host), ": ", gai_strerror(error)));
}

}  // namespace

absl::StatusOr<AddressList> Resolve(const std::string& host, const std::string& port, const WaitLimit& limit) {
  addrinfo numeric{};
  numeric.ai_socktype = SOCK_STREAM;
  numeric.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &numeric, &found) == 0) return AddressList(found);
  auto query = std::make_unique<Query>(host, port);
  if (const int error = query->Begin(); error != 0) return Unresolved(host, error);
  while (!query->answered()) {
    const Clock::duration left = limit.deadline - Clock::now();
    const bool cancelled = IsReadable(limit.cancel_descriptor);
    if (cancelled || left <= Clock::duration::zero()) {
      Abandon(std::move(query));
      if (cancelled) return absl::CancelledError("connect: the connection is being closed");
      return absl::UnavailableError(absl::StrCat("resolve ", Quoted(host), ": no answer in time"));
    }
    query->Await(std::min<Clock::duration>(left, kLook));
  }
  AddressList addresses = query->TakeResult();
  if (query->error() != 0 || addresses == nullptr) return Unresolved(host, query->error());
  return addresses;
}

}  // namespace penstock::eventbus::jetstream
