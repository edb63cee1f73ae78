// SPDX-License-Identifier: Apache-2.0
#include "jetstream/lease/session_lease.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/protocol/unique_name.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOpenBudget(2000);
// Shorter than a lease, so that one renewal that is lost does not end it.
constexpr milliseconds kRenewalBudget(400);
// While nobody answers: the first one that can again is to be heard within `session_time::kGrace`.
constexpr milliseconds kRenewalRetryBudget(120);
constexpr milliseconds kRetry(50);
constexpr milliseconds kGiveBackBudget(150);
constexpr int kFailuresToOpen = 50;
constexpr std::size_t kMostReported = 128 << 10;  // bytes, of all consumers

std::string SessionKey(const std::string& id) { return absl::StrCat("session.", id); }
std::string EndedKey(const std::string& id) { return absl::StrCat("ended.", id); }
std::string ClaimKey(const std::string& consumer) { return absl::StrCat("claim.", consumer); }

ClaimContest::Answer AnswerIn(const absl::Status& write) {
  if (write.ok()) return ClaimContest::Answer::kCommitted;
  const bool refused = absl::IsAborted(write) || absl::IsAlreadyExists(write);
  return refused ? ClaimContest::Answer::kRefused : ClaimContest::Answer::kNone;
}

}  // namespace

SessionLease::SessionLease(OpenStore open, std::string holder, LogSink log)
    : open_(std::move(open)),
      holder_(std::move(holder)),
      log_(std::move(log)),
      trouble_(absl::UnavailableError("no quorum of servers has answered yet")),
      id_(UniqueName()),
      renewal_budget_(kRenewalBudget) {}

SessionLease::~SessionLease() {
  thread_.request_stop();
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

absl::StatusOr<std::optional<ClaimWin>> SessionLease::TryClaim(const Try& wanted, ClaimContest& contest,
                                                               const CallLimit& limit) {
  Begin();
  const absl::StatusOr<Own> own = AwaitLive(limit);
  if (!own.ok()) return own.status();
  const absl::StatusOr<std::shared_ptr<KeyValueStore>> store = Store();
  if (!store.ok()) return store.status();
  const absl::StatusOr<ClaimEntry> entry = Read(**store, wanted.consumer, limit);
  if (!entry.ok()) return entry.status();
  // Whoever listens without a claim, such as an older version, may live.
  const bool evicts = wanted.reach == Reach::kEvict;
  const std::string& inboxes = entry->claim.inboxes;
  const bool known = wanted.evicting || (!inboxes.empty() && wanted.listener.starts_with(inboxes));
  if (evicts && !known) return std::nullopt;
  const ClaimContest::Sight& sight = entry->sight;
  ClaimContest::Move move =
      contest.Saw(sight, own->id, Clock::now(), evicts ? session_time::kEviction : session_time::kRevocation);
  const bool ours = move.step == ClaimContest::Step::kHeld;
  if (ours && inboxes == wanted.inboxes) return ClaimWin{own->number, sight.claim_revision, entry->reports};
  if (move.step == ClaimContest::Step::kWait || wanted.reach == Reach::kLook) return std::nullopt;
  if (move.step == ClaimContest::Step::kRevoke) {
    const absl::Status ended = End(**store, *entry, move.expected, limit);
    if (absl::IsAborted(ended)) return std::nullopt;  // it lives
    if (!ended.ok()) return ended;
    LogLine(log_, LogLevel::kInfo, "ended the session of another process that no longer renewed it");
    move = ClaimContest::AfterRevocation(sight);
  }
  return Write(**store, wanted, *own, *entry, ours ? sight.claim_revision : move.expected.value_or(0), limit);
}

absl::Status SessionLease::Release(const std::string& consumer, const ClaimWin& win, const CallLimit& limit) {
  const absl::StatusOr<std::shared_ptr<KeyValueStore>> store = Store();
  if (!store.ok()) return store.status();
  std::string report;
  {
    MutexLock lock(mutex_);
    if (const auto found = reports_.find(consumer); found != reports_.end()) report = found->second;
  }
  const auto released = (*store)->Update(ClaimKey(consumer), Format(ClaimValue{.report = report}), win.revision, limit);
  if (!released.ok()) return released.status();
  MutexLock lock(mutex_);
  reports_.erase(consumer);
  claimed_.erase(consumer);
  return absl::OkStatus();
}

void SessionLease::Report(const std::string& consumer, std::string report) {
  MutexLock lock(mutex_);
  reports_[consumer] = std::move(report);
}

// Half is for what else is in there, and for the claim, which may carry a report of before.
std::size_t SessionLease::RoomToReport(const std::string& consumer, std::size_t max_payload) const {
  MutexLock lock(mutex_);
  const std::size_t consumers = reports_.size() + (reports_.contains(consumer) ? 0 : 1);
  return std::min(kMostReported, max_payload / 2) / consumers;
}

std::string SessionLease::TakeReport(const std::string& consumer) {
  const auto found = reports_.find(consumer);
  if (found == reports_.end()) return "";
  std::string report = std::move(found->second);
  reports_.erase(found);
  return report;
}

absl::StatusOr<SessionLease::ClaimEntry> SessionLease::Read(KeyValueStore& store, const std::string& consumer,
                                                            const CallLimit& limit) const {
  ClaimEntry entry;
  const absl::StatusOr<BucketEntry> claim = store.Get(ClaimKey(consumer), limit);
  if (absl::IsNotFound(claim.status())) return entry;
  if (!claim.ok()) return claim.status();
  entry.sight.claim_revision = claim->revision;
  entry.claim = ParseClaim(claim->value);
  entry.sight.session = entry.claim.session;
  if (!entry.sight.session.empty()) {
    if (absl::Status read = ReadSession(store, consumer, entry, limit); !read.ok()) return read;
  }
  if (!entry.claim.report.empty()) entry.reports.push_back(entry.claim.report);
  return entry;
}

absl::Status SessionLease::ReadSession(KeyValueStore& store, const std::string& consumer, ClaimEntry& entry,
                                       const CallLimit& limit) const {
  absl::StatusOr<BucketEntry> session = store.Get(SessionKey(entry.sight.session), limit);
  if (session.ok()) {
    entry.sight.session_revision = session->revision;
  } else if (absl::IsNotFound(session.status())) {
    session = store.Get(EndedKey(entry.sight.session), limit);
  }
  if (absl::IsNotFound(session.status())) return absl::OkStatus();
  if (!session.ok()) return session.status();
  entry.session_value = std::move(session->value);
  const SessionValue value = ParseSession(entry.session_value);
  const auto report = value.reports.find(consumer);
  if (report != value.reports.end()) entry.reports.push_back(report->second);
  return absl::OkStatus();
}

// The claim may not be won at once, nor by this process, and there are other consumers. An owner that lives after all
// has left a copy that is older than what it says, and no more.
absl::Status SessionLease::End(KeyValueStore& store, const ClaimEntry& entry, std::optional<std::uint64_t> expected,
                               const CallLimit& limit) const {
  if (!ParseSession(entry.session_value).reports.empty()) {
    const auto kept = store.Put(EndedKey(entry.sight.session), entry.session_value, limit);
    if (!kept.ok()) return kept.status();
  }
  return store.Delete(SessionKey(entry.sight.session), BucketOperation::kDelete, expected, limit).status();
}

absl::StatusOr<std::optional<ClaimWin>> SessionLease::Write(KeyValueStore& store, const Try& wanted, const Own& own,
                                                            const ClaimEntry& entry, std::uint64_t expected,
                                                            const CallLimit& limit) {
  const std::string key = ClaimKey(wanted.consumer);
  const std::string value =
      Format(ClaimValue{own.id, wanted.inboxes, entry.reports.empty() ? "" : entry.reports.front()});
  {
    MutexLock lock(mutex_);
    claimed_.insert(wanted.consumer);
  }
  const absl::StatusOr<std::uint64_t> revision =
      expected == 0 ? store.Create(key, value, limit) : store.Update(key, value, expected, limit);
  if (ClaimContest::Won(AnswerIn(revision.status()))) {
    // What an ended session told of one consumer only stands in the claim now.
    if (ParseSession(entry.session_value).reports.size() == 1) {
      MutexLock lock(mutex_);
      copies_.push_back(EndedKey(entry.sight.session));
    }
    return ClaimWin{own.number, *revision, entry.reports};
  }
  if (AnswerIn(revision.status()) == ClaimContest::Answer::kRefused) return std::nullopt;
  return revision.status();
}

void SessionLease::Abandon(const std::string& consumer, const std::string& inboxes) {
  MutexLock lock(mutex_);
  if (claimed_.contains(consumer)) abandoned_.push_back({consumer, inboxes, TakeReport(consumer)});
}

// A claim that was not acknowledged may be there all the same: what is read decides, twice, since a server that has
// just become the leader may not have it yet.
void SessionLease::GiveBack(KeyValueStore& store, const std::stop_token& stop) {
  Abandoned claim;
  std::string id;
  {
    MutexLock lock(mutex_);
    if (abandoned_.empty()) return;
    claim = abandoned_.front();
    id = id_;
  }
  const CallLimit limit = CallLimit::In(kGiveBackBudget, stop);
  const std::string key = ClaimKey(claim.consumer);
  const absl::StatusOr<BucketEntry> entry = store.Get(key, limit);
  const ClaimValue there = entry.ok() ? ParseClaim(entry->value) : ClaimValue();
  const bool ours = there.session == id && there.inboxes == claim.inboxes;
  const std::string report = claim.report.empty() ? there.report : claim.report;
  const bool over = ours ? store.Update(key, Format(ClaimValue{.report = report}), entry->revision, limit).ok()
                         : entry.ok() || absl::IsNotFound(entry.status());
  if (!over) return;
  MutexLock lock(mutex_);
  if (!ours && ++abandoned_.front().seen_over < 2) return;
  claimed_.erase(claim.consumer);
  abandoned_.erase(abandoned_.begin());
}

// Of no use any more, and there would be one for each start of a process.
void SessionLease::RemoveSession() {
  std::shared_ptr<KeyValueStore> store;
  std::string key;
  {
    MutexLock lock(mutex_);
    if (!claimed_.empty() || renewal_.revision() == 0) return;
    store = store_;
    key = SessionKey(id_);
  }
  store->Delete(key, BucketOperation::kPurge, renewal_.revision(), CallLimit::In(kGiveBackBudget)).IgnoreError();
}

// Here, since whoever wins a claim is in a hurry, and one at a time, since the session has to be renewed. One that
// cannot be removed does no harm.
void SessionLease::RemoveCopy(KeyValueStore& store, const std::stop_token& stop) {
  std::string key;
  {
    MutexLock lock(mutex_);
    if (copies_.empty()) return;
    key = std::move(copies_.back());
    copies_.pop_back();
  }
  store.Delete(key, BucketOperation::kPurge, std::nullopt, CallLimit::In(kGiveBackBudget, stop)).IgnoreError();
}

absl::StatusOr<std::shared_ptr<KeyValueStore>> SessionLease::Store() const {
  MutexLock lock(mutex_);
  if (store_ == nullptr) return trouble_;
  return store_;
}

absl::StatusOr<SessionLease::Own> SessionLease::AwaitLive(const CallLimit& limit) {
  const std::stop_callback wake(limit.stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  MutexLock lock(mutex_);
  bool in_time = true;
  while (true) {
    const Own own{session(), id_};
    if (Holds(own.number, Clock::now())) return own;
    if (absl::IsPermissionDenied(trouble_) || !in_time || limit.stop.stop_requested()) break;
    in_time = changed_.WaitUntil(lock, limit.deadline);
  }
  if (!trouble_.ok()) return trouble_;
  return absl::UnavailableError("no quorum of servers renews the session of this process");
}

void SessionLease::Begin() {
  MutexLock lock(mutex_);
  if (std::exchange(begun_, true)) return;
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void SessionLease::Run(const std::stop_token& stop) {
  SetThreadName("ps-lease");
  absl::Status opened;
  while (!(opened = Open(stop)).ok()) {
    if (!Pause(Clock::now() + kRetry, stop)) return;
  }
  Clock::time_point next = Clock::now();
  int failures = 0;
  while (Pause(next, stop)) {
    next = Clock::now() + session_time::kRenewal;
    const absl::Status kept = KeepAlive(stop);
    failures = kept.ok() ? 0 : failures + 1;
    renewal_budget_ = kept.ok() ? kRenewalBudget : kRenewalRetryBudget;
    if (!kept.ok()) next = Clock::now() + kRetry;
    // The bucket may have been deleted.
    if (failures % kFailuresToOpen == kFailuresToOpen - 1) Open(stop).IgnoreError();
  }
  if (failures == 0) RemoveSession();
}

absl::Status SessionLease::KeepAlive(const std::stop_token& stop) {
  std::shared_ptr<KeyValueStore> store;
  std::string key;
  {
    MutexLock lock(mutex_);
    store = store_;
    key = SessionKey(id_);
  }
  const bool reads = renewal_.Next() == SessionRenewal::Step::kRead;
  const absl::Status renewed = reads ? Resolve(*store, key, stop) : Renew(*store, key, stop);
  if (renewed.ok()) {
    GiveBack(*store, stop);
    RemoveCopy(*store, stop);
  }
  MutexLock lock(mutex_);
  trouble_ = renewed;
  changed_.NotifyAll();
  return renewed;
}

absl::Status SessionLease::Open(const std::stop_token& stop) {
  absl::StatusOr<std::unique_ptr<KeyValueStore>> store = open_(CallLimit::In(kOpenBudget, stop));
  MutexLock lock(mutex_);
  trouble_ = store.status();
  // Others may heal what keeps it from being had.
  if (absl::IsFailedPrecondition(trouble_)) trouble_ = absl::UnavailableError(trouble_.message());
  if (store.ok()) store_ = *std::move(store);
  changed_.NotifyAll();
  return trouble_;
}

absl::Status SessionLease::Renew(KeyValueStore& store, const std::string& key, const std::stop_token& stop) {
  std::string value;
  {
    MutexLock lock(mutex_);
    value = Format(SessionValue{holder_, reports_});
  }
  const Clock::time_point sent = Clock::now();
  const CallLimit limit = CallLimit::In(renewal_budget_, stop);
  const bool creates = renewal_.Next() == SessionRenewal::Step::kCreate;
  const absl::StatusOr<std::uint64_t> revision =
      creates ? store.Create(key, value, limit) : store.Update(key, value, renewal_.revision(), limit);
  if (!revision.ok()) {
    renewal_.Failed();
    return revision.status();
  }
  until_.store(renewal_.Committed(*revision, sent).time_since_epoch().count(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status SessionLease::Resolve(KeyValueStore& store, const std::string& key, const std::stop_token& stop) {
  const absl::StatusOr<BucketEntry> entry = store.Get(key, CallLimit::In(renewal_budget_, stop));
  if (!entry.ok() && !absl::IsNotFound(entry.status())) return entry.status();
  const SessionRenewal::Found found =
      renewal_.Read(entry.ok() ? std::optional<std::uint64_t>(entry->revision) : std::nullopt);
  if (found == SessionRenewal::Found::kThere) return Renew(store, key, stop);
  if (found == SessionRenewal::Found::kEnded) Lose();
  return absl::UnavailableError("the session of this process is not known to the servers yet");
}

void SessionLease::Lose() {
  LogLine(
      log_, LogLevel::kWarning,
      "the session of this process is over: another process ended it, or its bucket was deleted; its claims are lost");
  until_.store(0, std::memory_order_release);
  MutexLock lock(mutex_);
  id_ = UniqueName();
  session_.fetch_add(1, std::memory_order_acq_rel);
}

bool SessionLease::Pause(Clock::time_point until, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (!stop.stop_requested() && Clock::now() < until && changed_.WaitUntil(lock, until)) {
  }
  return !stop.stop_requested();
}

}  // namespace penstock::eventbus::jetstream
