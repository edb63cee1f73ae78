// SPDX-License-Identifier: Apache-2.0
#include "simulation/model_lease.h"

#include <memory>
#include <type_traits>
#include <utility>

#include "jetstream/ownership/claim_value.h"

namespace penstock::eventbus::simulation {
namespace {

using jetstream::ClaimContest;
using jetstream::SessionRenewal;
using std::chrono::milliseconds;

// As in `SessionLease`.
constexpr milliseconds kRenewalBudget{400};
constexpr milliseconds kClaimBudget{1500};
constexpr milliseconds kRetry{100};

constexpr const char* kClaim = "claim";

}  // namespace

void ModelLease::Begin() {
  if (!std::exchange(begun_, true)) Renew();
}

// An answer that comes after the budget does not count.
template <typename What>
void ModelLease::Ask(milliseconds budget, What what, std::function<void()> unanswered) {
  auto open = std::make_shared<bool>(true);
  const auto ask = [this, open, what = std::move(what)](auto& bucket) -> Network::Answer {
    return [this, open, answer = what(bucket)] {
      if (std::exchange(*open, false) && !stopped_) answer();
    };
  };
  if constexpr (std::is_invocable_v<What, const ModelBucket&>) {
    network_.ReadBucket(server_, ask);
  } else {
    network_.AskQuorum(server_, ask);
  }
  event_queue_.After(budget, [this, open, unanswered = std::move(unanswered)] {
    if (std::exchange(*open, false) && !stopped_) unanswered();
  });
}

void ModelLease::RenewAfter(milliseconds pause) {
  event_queue_.After(pause, [this] {
    if (!stopped_) Renew();
  });
}

void ModelLease::Renew() { renewal_.Next() == SessionRenewal::Step::kRead ? Read() : Write(); }

void ModelLease::Write() {
  const TimePoint sent = event_queue_.now();
  const bool creates = renewal_.Next() == SessionRenewal::Step::kCreate;
  const auto fail = [this] {
    renewal_.Failed();
    RenewAfter(kRetry);
  };
  const auto write = [this, sent, fail, id = Id(), report = report_,
                      expected = creates ? 0 : renewal_.revision()](ModelBucket& bucket) {
    const auto revision = bucket.Put(id, report, expected);
    return [this, sent, fail, revision] {
      if (!revision) return fail();
      until_ = renewal_.Committed(*revision, sent);
      RenewAfter(jetstream::session_time::kRenewal);
    };
  };
  Ask(kRenewalBudget, write, fail);
}

void ModelLease::Read() {
  const auto read = [this, id = Id()](const ModelBucket& bucket) {
    const auto entry = bucket.Get(id);
    return [this, entry] {
      const auto found = renewal_.Read(entry ? std::optional(entry->revision) : std::nullopt);
      if (found == SessionRenewal::Found::kThere) return Renew();
      if (found == SessionRenewal::Found::kEnded) {
        trace_.Note("its session was ended, process", process_);
        until_ = {};
        ++session_;
      }
      RenewAfter(kRetry);
    };
  };
  Ask(kRenewalBudget, read, [this] { RenewAfter(kRetry); });
}

void ModelLease::End(const Shared& attempt, const Result& result) {
  if (!std::exchange(attempt->over, true)) attempt->done(result);
}

void ModelLease::TryClaim(bool only_look, Done done) {
  Begin();
  const auto attempt = std::make_shared<Attempt>(Attempt{.only_look = only_look, .done = std::move(done)});
  if (!Holds(session_, event_queue_.now())) return End(attempt, {});
  attempt->session = session_;
  attempt->id = Id();
  const auto read = [this, attempt](const ModelBucket& bucket) {
    const auto claim = bucket.Get(kClaim);
    return [this, attempt, claim] {
      if (claim) {
        const jetstream::ClaimValue value = jetstream::ParseClaim(claim->value);
        attempt->sight = {.session = value.session, .claim_revision = claim->revision};
        if (!value.report.empty()) attempt->reports.push_back(value.report);
      }
      SawClaim(attempt);
    };
  };
  Ask(kClaimBudget, read, [this, attempt] { End(attempt, {}); });
}

void ModelLease::SawClaim(const Shared& attempt) {
  if (attempt->sight.session.empty()) return SawSession(attempt);
  const auto read = [this, attempt](const ModelBucket& bucket) {
    const auto session = bucket.Get(attempt->sight.session);
    return [this, attempt, session] {
      if (session) attempt->sight.session_revision = session->revision;
      if (session && !session->value.empty()) attempt->reports.insert(attempt->reports.begin(), session->value);
      SawSession(attempt);
    };
  };
  Ask(kClaimBudget, read, [this, attempt] { End(attempt, {}); });
}

void ModelLease::SawSession(const Shared& attempt) {
  const ClaimContest::Move move = contest_.Saw(attempt->sight, attempt->id, event_queue_.now());
  if (move.step == ClaimContest::Step::kHeld) {
    return End(attempt, {true, attempt->session, attempt->sight.claim_revision, attempt->reports});
  }
  if (move.step == ClaimContest::Step::kWait || attempt->only_look) return End(attempt, {true, {}});
  if (move.step == ClaimContest::Step::kRevoke) return Revoke(attempt, move.expected);
  WriteClaim(attempt, move.expected.value_or(0));
}

void ModelLease::Revoke(const Shared& attempt, std::optional<std::uint64_t> expected) {
  const auto revoke = [this, attempt, expected](ModelBucket& bucket) {
    const bool ended = bucket.Delete(attempt->sight.session, expected);
    return [this, attempt, ended] {
      if (!ended) return End(attempt, {true, {}});
      trace_.Note("ended the session of another, process", process_);
      WriteClaim(attempt, ClaimContest::AfterRevocation(attempt->sight).expected.value_or(0));
    };
  };
  Ask(kClaimBudget, revoke, [this, attempt] { End(attempt, {}); });
}

void ModelLease::WriteClaim(const Shared& attempt, std::uint64_t expected) {
  const auto told = [this, attempt](ClaimContest::Answer answer, std::uint64_t revision = 0) {
    if (ClaimContest::Won(answer)) return End(attempt, {true, attempt->session, revision, attempt->reports});
    End(attempt, {answer != ClaimContest::Answer::kNone, {}});
  };
  const auto write = [attempt, expected, told](ModelBucket& bucket) {
    const std::string report = attempt->reports.empty() ? "" : attempt->reports.front();
    const auto value = jetstream::Format(jetstream::ClaimValue{.session = attempt->id, .report = report});
    const std::optional<std::uint64_t> revision = bucket.Put(kClaim, value, expected);
    return [told, revision] {
      revision ? told(ClaimContest::Answer::kCommitted, *revision) : told(ClaimContest::Answer::kRefused);
    };
  };
  Ask(kClaimBudget, write, [told] { told(ClaimContest::Answer::kNone); });
}

void ModelLease::Release(std::uint64_t session) {
  const std::string id = std::to_string(process_) + "." + std::to_string(session);
  network_.AskQuorum(server_, [id, report = report_](ModelBucket& bucket) -> Network::Answer {
    const auto claim = bucket.Get(kClaim);
    const bool ours = claim && jetstream::ParseClaim(claim->value).session == id;
    if (ours) bucket.Put(kClaim, jetstream::Format(jetstream::ClaimValue{.report = report}), claim->revision);
    return [] {};
  });
}

}  // namespace penstock::eventbus::simulation
