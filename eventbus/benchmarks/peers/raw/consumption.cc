// SPDX-License-Identifier: Apache-2.0
#include "consumption.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>

#include "absl/strings/str_format.h"

namespace penstock::benchmarks {
namespace {

constexpr auto kSilence = std::chrono::seconds(30);

// $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>...; before the stream, newer servers may name domain and
// account, and then the whole has 11 tokens or more.
constexpr std::ptrdiff_t kTokensBefore = 5;
constexpr std::ptrdiff_t kTokensOfDomain = 2;
constexpr std::ptrdiff_t kDotsWithDomain = 10;

}  // namespace

std::uint64_t StreamSequence(std::string_view reply_subject) {
  if (!reply_subject.starts_with("$JS.ACK.")) return 0;
  const bool domain = std::ranges::count(reply_subject, '.') >= kDotsWithDomain;
  for (auto skip = kTokensBefore + (domain ? kTokensOfDomain : 0); skip > 0; --skip) {
    const std::size_t dot = reply_subject.find('.');
    if (dot == std::string_view::npos) return 0;
    reply_subject.remove_prefix(dot + 1);
  }
  std::uint64_t sequence = 0;
  std::from_chars(reply_subject.data(), reply_subject.data() + reply_subject.size(), sequence);
  return sequence;
}

void Consumption::Take(const MessageHandle& message) {
  if (finished_) return;
  if (auto status = Accept(message.get()); !status.ok()) {
    Finish(std::move(status));
  } else if (taken_.load(std::memory_order_relaxed) == messages_) {
    Finish(absl::OkStatus());
  }
}

absl::Status Consumption::Accept(natsMsg* message) {
  const char* reply = natsMsg_GetReply(message);
  const std::uint64_t sequence = StreamSequence(reply == nullptr ? std::string_view{} : reply);
  if (sequence <= last_sequence_) {
    return absl::DataLossError(absl::StrFormat("consume: sequence %d came after %d", sequence, last_sequence_));
  }
  if (last_sequence_ == 0) begun_ = Clock::now();
  last_sequence_ = sequence;
  const std::uint64_t taken = taken_.load(std::memory_order_relaxed) + 1;
  taken_.store(taken, std::memory_order_relaxed);
  const natsStatus status = answer_(message, taken);
  if (status == NATS_OK) return absl::OkStatus();
  return Check(status, "acknowledge");
}

void Consumption::Finish(absl::Status status) {
  finished_ = true;
  outcome_.set_value(std::move(status));
}

absl::StatusOr<Clock::time_point> Consumption::Await() {
  auto outcome = outcome_.get_future();
  std::uint64_t seen = 0;
  while (outcome.wait_for(kSilence) != std::future_status::ready) {
    const std::uint64_t taken = taken_.load(std::memory_order_relaxed);
    if (taken == seen) {
      return absl::DataLossError(absl::StrFormat("consume: only %d of %d messages came", taken, messages_));
    }
    seen = taken;
  }
  if (auto status = outcome.get(); !status.ok()) return status;
  return begun_;
}

}  // namespace penstock::benchmarks
