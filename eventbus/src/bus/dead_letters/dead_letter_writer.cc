// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/dead_letter_writer.h"

#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "bus/dead_letters/letter_headers.h"
#include "penstock/actorpool/internal/thread_name.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

}  // namespace

DeadLetterWriter::DeadLetterWriter(const BusOptions& options, Transport& transport)
    : options_(options),
      transport_(transport),
      stream_(DeadLetterStreamName(options.base_stream_name)),
      host_(HostName()) {}

void DeadLetterWriter::Store(const InFlightMessage& item, LetterOrigin origin, std::function<void(bool stored)> done) {
  origin.host = host_;
  OutboundMessage letter = MakeLetter(item, origin, stream_, transport_.max_payload_bytes());
  auto told = std::make_shared<std::function<void(bool)>>(std::move(done));
  const auto tell = [told, &log = options_.log](const absl::Status& status) {
    if (!status.ok() && log) log(LogLevel::kError, absl::StrFormat("store a dead letter: %s", status.message()));
    (*told)(status.ok());
  };
  const absl::Status sent =
      transport_.Publish(std::move(letter), [tell](const absl::StatusOr<PubAck>& ack) { tell(ack.status()); });
  if (!sent.ok()) tell(sent);
}

void DeadLetterWriter::Remove(std::uint64_t letter, std::function<void(bool removed)> done) {
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      removals_.push_back({.letter = letter, .done = std::move(done)});
      if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
      work_.NotifyOne();
      return;
    }
  }
  done(false);
}

void DeadLetterWriter::Run() {
  SetThreadName("ps-letters");
  while (true) {
    Removal next;
    {
      MutexLock lock(mutex_);
      while (removals_.empty() && !stopping_) work_.Wait(lock);
      if (removals_.empty()) return;
      next = std::move(removals_.front());
      removals_.pop_front();
    }
    next.done(RemoveNow(next.letter));
  }
}

bool DeadLetterWriter::RemoveNow(std::uint64_t letter) {
  const absl::Status status = transport_.DeleteMessage(stream_, letter);
  if (status.ok() || absl::IsNotFound(status)) return true;
  if (options_.log) options_.log(LogLevel::kError, absl::StrFormat("remove a dead letter: %s", status.message()));
  return false;
}

absl::StatusOr<std::vector<DeadLetterWriter::OutstandingLetter>> DeadLetterWriter::Outstanding(
    std::string_view topic, std::string_view consumer) {
  const std::string subject = LetterSubject(stream_, topic);
  std::vector<OutstandingLetter> found;
  for (std::uint64_t from = 1;;) {
    const auto letter = transport_.ReadMessage(stream_, subject, from);
    if (absl::IsNotFound(letter.status())) return found;
    if (!letter.ok()) return letter.status();
    from = (*letter)->stream_sequence() + 1;
    if ((*letter)->Header(header::kConsumer) != consumer) continue;
    found.push_back({.key = std::string((*letter)->Header(header::kAggregateId).value_or(std::string_view{})),
                     .origin = OriginOf(**letter)});
  }
}

void DeadLetterWriter::Stop() {
  MutexLock once(stop_mutex_);
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyOne();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace penstock::eventbus
