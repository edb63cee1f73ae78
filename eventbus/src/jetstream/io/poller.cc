// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/poller.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {

absl::StatusOr<std::unique_ptr<Poller>> Poller::Create() {
  FileDescriptor wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (wake.valid()) return std::unique_ptr<Poller>(new Poller(std::move(wake)));
  return absl::ResourceExhaustedError(
      absl::StrCat("connect: ", std::generic_category().message(errno), "; raise the limit of open files"));
}

Poller::Ready Poller::Poll(const Wanted& wanted, std::chrono::nanoseconds longest) {
  constexpr auto kForEver = std::chrono::nanoseconds::max();
  const int server_events = (wanted.server_input ? POLLIN : 0) | (wanted.server_room ? POLLOUT : 0);
  pollfd fds[] = {{wanted.server, static_cast<short>(server_events), 0},
                  {wake_.get(), POLLIN, 0},
                  {wanted.relay, POLLIN, 0},
                  {wanted.cancel, POLLIN, 0}};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(longest);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = static_cast<long>((longest - seconds).count())};
  const int ready = ppoll(fds, std::size(fds), longest == kForEver ? nullptr : &timeout, nullptr);
  sleep_.store(Sleep::kAwake);
  if (ready <= 0) return {};
  if (fds[1].revents != 0) {
    eventfd_t count = 0;
    eventfd_read(wake_.get(), &count);
  }
  return {.server_input = (fds[0].revents & ~POLLOUT) != 0,
          .server_room = (fds[0].revents & POLLOUT) != 0,
          .relay = fds[2].revents != 0,
          .cancel = fds[3].revents != 0};
}

void Poller::Wake(Sleep from) {
  Sleep sleep = sleep_.load();
  if (sleep < from) return;
  sleep_.compare_exchange_strong(sleep, Sleep::kAwake);
  eventfd_write(wake_.get(), 1);
}

}  // namespace penstock::eventbus::jetstream
