// SPDX-License-Identifier: Apache-2.0
#include "stop_signals.h"

#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock {
namespace {

constexpr std::array<int, 2> kSignals = {SIGTERM, SIGINT};
constexpr std::size_t kMostWatchers = 8;

using Actions = std::array<struct sigaction, kSignals.size()>;

void Restore(const Actions& former) {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &former[i], nullptr);
}

// Calls of the process that a signal interrupts go on, as far as the system allows it.
void Install(void (*handler)(int signal), Actions& former) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &former[i]);
}

void UnblockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : kSignals) sigaddset(&signals, signal);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace

struct StopSignals::Watcher {
  std::atomic<bool> watches{false};
  sem_t woken{};  // not a descriptor, which a child would inherit and another file could take over
};

/// The state of the handler of the signals. A handler is a function, so this cannot be a member. Its atomics are
/// lock-free and sequentially consistent.
struct StopSignals::HandlerState {
  static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

  std::atomic<pid_t> process{0};  // that the handler was installed in; 0: it is not
  std::atomic<int> last{0};
  Actions former{};  // written before `process`
  std::array<Watcher, kMostWatchers> watchers{};

  Mutex mutex;  // not taken by the handler
  std::size_t count ABSL_GUARDED_BY(mutex) = 0;
};

StopSignals::HandlerState& StopSignals::Handler() {
  static auto* const kState = new HandlerState;
  return *kState;
}

// Only calls that are safe in a handler. In a child made with `fork` the signal is not for us: it is raised again, to
// come once this has returned.
void StopSignals::OnSignal(int signal) {
  const int error = errno;
  HandlerState& state = Handler();
  if (getpid() == state.process.load()) {
    state.last.store(signal);
    for (Watcher& watcher : state.watchers) {
      if (watcher.watches.load()) sem_post(&watcher.woken);
    }
  } else {
    Restore(state.former);
    raise(signal);
  }
  errno = error;
}

// A child made with `fork` begins anew.
StopSignals::Watcher* StopSignals::Enter() {
  HandlerState& state = Handler();
  MutexLock lock(state.mutex);
  if (state.count > 0 && state.process.load() != getpid()) {
    Restore(state.former);
    for (Watcher& watcher : state.watchers) watcher.watches.store(false);
    state.count = 0;
  }
  auto* const unused = std::ranges::find_if(state.watchers, [](const Watcher& each) { return !each.watches.load(); });
  if (unused == state.watchers.end()) return nullptr;
  sem_init(&unused->woken, /*pshared=*/0, 0);
  unused->watches.store(true);
  if (state.count++ == 0) {
    state.process.store(getpid());
    Install(OnSignal, state.former);
  }
  return unused;
}

void StopSignals::Leave(Watcher& watcher) {
  HandlerState& state = Handler();
  MutexLock lock(state.mutex);
  if (--state.count == 0) Restore(state.former);
  watcher.watches.store(false);
}

StopSignals::StopSignals(LogSink log, Watcher& watcher)
    : log_(std::move(log)), watcher_(watcher), thread_([this] { WatchLoop(); }) {}

absl::StatusOr<std::unique_ptr<StopSignals>> StopSignals::Watch(LogSink log) {
  Watcher* const watcher = Enter();
  if (watcher == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("watch for signals: ", kMostWatchers, " do so already; make one Service per process"));
  }
  try {
    return std::unique_ptr<StopSignals>(new StopSignals(std::move(log), *watcher));
  } catch (const std::system_error& error) {
    Leave(*watcher);
    return absl::ResourceExhaustedError(
        absl::StrCat("watch for signals: ", error.what(), "; raise the limit on threads"));
  }
}

StopSignals::~StopSignals() {
  ending_.store(true);
  sem_post(&watcher_.woken);
  thread_.join();
  Leave(watcher_);
}

void StopSignals::WaitForStop() const {
  std::mutex mutex;
  std::condition_variable_any never_notified;
  std::unique_lock<std::mutex> lock(mutex);
  never_notified.wait(lock, stop_.get_token(), [] { return false; });
}

void StopSignals::Stop(int signal) {
  if (log_) log_(LogLevel::kInfo, absl::StrCat("received ", sigabbrev_np(signal), ", stopping; once more to give up"));
  stop_.request_stop();
}

void StopSignals::GiveUp(int signal) const {
  if (log_) log_(LogLevel::kWarning, absl::StrCat("received ", sigabbrev_np(signal), " again, giving up"));
  std::_Exit(128 + signal);
}

// Signals that came together count as one. False when this goes.
bool StopSignals::AwaitSignal() {
  while (sem_wait(&watcher_.woken) != 0) continue;  // interrupted
  while (sem_trywait(&watcher_.woken) == 0) continue;
  return !ending_.load();
}

void StopSignals::WatchLoop() {
  SetThreadName("penstock-signal");
  UnblockSignals();
  for (bool stopping = false; AwaitSignal(); stopping = true) {
    const int signal = Handler().last.load();
    if (stopping) GiveUp(signal);
    Stop(signal);
  }
}

}  // namespace penstock
