// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"

#include <charconv>
#include <ctime>
#include <optional>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "dpkg_log.h"

namespace penstock::demo {
namespace {

constexpr std::string_view kEventIdPrefix = "dpkg-";
constexpr char kSequence[] = "sequence";

void Count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

std::optional<std::uint64_t> Number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::int64_t Now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

std::chrono::system_clock::time_point ToSystemTime(std::chrono::local_seconds local) {
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(local - day);
  std::tm parts{};
  parts.tm_year = static_cast<int>(date.year()) - 1900;
  parts.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  parts.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  parts.tm_hour = static_cast<int>(time.hours().count());
  parts.tm_min = static_cast<int>(time.minutes().count());
  parts.tm_sec = static_cast<int>(time.seconds().count());
  parts.tm_isdst = -1;  // let the time zone's rules decide
  return std::chrono::system_clock::from_time_t(std::mktime(&parts));
}

}  // namespace

Ledger::Ledger(const History& history, const FaultOptions& faults, std::size_t repeat)
    : history_(history),
      repeat_(repeat),
      events_(history.events.size() * repeat),
      faults_(faults, events_),
      aggregates_(history.packages.size() * repeat),
      sent_(events_) {
  by_id_.reserve(aggregates_.size());
  for (std::size_t i = 0; i < aggregates_.size(); ++i) {
    const std::size_t package = i % history.packages.size();
    by_id_.emplace(AggregateId(i / history.packages.size(), package), i);
    const MutexLock lock(aggregates_[i].mutex);
    aggregates_[i].seen.resize(history.packages[package].expected.events + 1);
  }
}

std::string Ledger::AggregateId(std::size_t repetition, std::size_t package) const {
  const std::string& name = history_.packages[package].package;
  return repetition == 0 ? name : absl::StrCat(name, "#", repetition + 1);
}

Envelope Ledger::MakeEnvelope(std::size_t number) const {
  const HistoryEvent& event = history_.events[number % history_.events.size()];
  return {.event_id = absl::StrCat(std::string(kEventIdPrefix), number),
          .aggregate_id = AggregateId(number / history_.events.size(), event.package),
          .aggregate_type = "Package",
          .event_type = std::string(EventType(event.action)),
          .timestamp = ToSystemTime(event.time),
          .content_type = "text/plain",
          .payload = event.line,
          .attributes = {{kSequence, absl::StrCat(event.sequence)}}};
}

void Ledger::Sent(std::size_t number) { sent_[number].store(Now(), std::memory_order_relaxed); }

bool Ledger::Recognise(const Envelope& envelope, Event& event) {
  const std::string_view id = envelope.event_id;
  const auto aggregate = by_id_.find(envelope.aggregate_id);
  const auto attribute = envelope.attributes.find(kSequence);
  if (!id.starts_with(kEventIdPrefix) || aggregate == by_id_.end() || attribute == envelope.attributes.end())
    return false;
  const auto number = Number(id.substr(kEventIdPrefix.size()));
  const auto sequence = Number(attribute->second);
  const std::size_t package = aggregate->second % history_.packages.size();
  if (!number.has_value() || *number >= events_ || !sequence.has_value() || *sequence == 0 ||
      *sequence > history_.packages[package].expected.events) {
    return false;
  }
  event = {.number = *number, .sequence = *sequence, .aggregate = &aggregates_[aggregate->second]};
  return true;
}

Outcome Ledger::Handle(const Envelope& envelope, std::uint64_t attempt) {
  Event event;
  if (!Recognise(envelope, event)) {
    Count(foreign_);
    return Reject("not an event of this replay");
  }
  // Acquire and release are not needed for the state, which its mutex guards; this only notices two at once.
  if (event.aggregate->in_hand.exchange(true)) Count(order_violations_);
  struct Release {
    Aggregate* aggregate;
    ~Release() { aggregate->in_hand.store(false); }
  } const release{event.aggregate};
  return HandleInTurn(envelope, event, attempt);
}

Outcome Ledger::HandleInTurn(const Envelope& envelope, const Event& event, std::uint64_t attempt) {
  if (attempt > 1) Count(retried_);
  switch (faults_.At(event.number, attempt)) {
    case Fault::kThrow:
      Count(thrown_);
      throw InjectedFault(absl::StrCat("injected at event ", event.number, ", attempt ", attempt));
    case Fault::kFail:
      Count(failed_);
      return Retry("injected failure");
    case Fault::kNone:
      return Settle(envelope, event);
  }
  return Ack();
}

Outcome Ledger::Settle(const Envelope& envelope, const Event& event) {
  const LogLine line = ParseLogLine(envelope.payload);
  if (line.kind != LineKind::kPackage) {
    Count(foreign_);
    return Reject("the payload is no line of dpkg's log");
  }
  latency_.Record(std::chrono::nanoseconds(Now() - sent_[event.number].load(std::memory_order_relaxed)));
  {
    Aggregate& aggregate = *event.aggregate;
    const MutexLock lock(aggregate.mutex);
    if (aggregate.seen[event.sequence]) {
      Count(handled_twice_);
    } else {
      if (event.sequence != aggregate.next) Count(order_violations_);
      aggregate.seen[event.sequence] = true;
      aggregate.next = event.sequence + 1;
      aggregate.state.Apply(line.event, envelope.payload);
      Count(distinct_);
    }
  }
  handled_.fetch_add(1, std::memory_order_seq_cst);
  return Ack();
}

Tally Ledger::tally() const {
  const auto read = [](const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  return {.handled = handled(),
          .distinct = read(distinct_),
          .order_violations = read(order_violations_),
          .handled_twice = read(handled_twice_),
          .retried = read(retried_),
          .failed = read(failed_),
          .thrown = read(thrown_),
          .foreign = read(foreign_)};
}

std::vector<PackageState> Ledger::States(std::size_t repetition) const {
  std::vector<PackageState> states;
  const std::size_t packages = history_.packages.size();
  for (std::size_t i = repetition * packages; i < (repetition + 1) * packages; ++i) {
    const Aggregate& aggregate = aggregates_[i];
    const MutexLock lock(aggregate.mutex);
    states.push_back(aggregate.state);
  }
  return states;
}

}  // namespace penstock::demo
