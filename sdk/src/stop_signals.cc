// SPDX-License-Identifier: Apache-2.0
#include "stop_signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock {
namespace {

/// The next signal that waits to be handled, or 0.
int NextSignal(int signal_fd) {
  signalfd_siginfo info{};
  return read(signal_fd, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace

StopSignals::StopSignals(LogSink log) : log_(std::move(log)) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, &former_mask_);
}

absl::StatusOr<std::unique_ptr<StopSignals>> StopSignals::Watch(LogSink log) {
  std::unique_ptr<StopSignals> signals(new StopSignals(std::move(log)));
  if (absl::Status status = signals->Open(); !status.ok()) return status;
  return signals;
}

absl::Status StopSignals::Open() {
  signal_fd_ = FileDescriptor(signalfd(-1, &signals_, SFD_NONBLOCK | SFD_CLOEXEC));
  end_fd_ = FileDescriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!signal_fd_.valid() || !end_fd_.valid()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("watch for signals: ", std::system_category().message(errno), "; raise the limit on open files"));
  }
  try {
    thread_ = std::thread([this] { WatchLoop(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("watch for signals: ", error.what(), "; raise the limit on threads"));
  }
  return absl::OkStatus();
}

StopSignals::~StopSignals() {
  if (thread_.joinable()) {
    eventfd_write(end_fd_.get(), 1);
    thread_.join();
  }
  // A signal that came while we were already stopping must not end the process now that it is over.
  while (signal_fd_.valid() && NextSignal(signal_fd_.get()) != 0) continue;
  pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
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

void StopSignals::WatchLoop() {
  SetThreadName("penstock-signal");
  std::array<pollfd, 2> polled = {{{.fd = signal_fd_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = end_fd_.get(), .events = POLLIN, .revents = 0}}};
  bool signalled = false;
  while (polled[1].revents == 0) {
    poll(polled.data(), polled.size(), -1);
    const int signal = NextSignal(signal_fd_.get());
    if (signal == 0) continue;
    if (signalled) GiveUp(signal);
    signalled = true;
    Stop(signal);
  }
}

}  // namespace penstock
