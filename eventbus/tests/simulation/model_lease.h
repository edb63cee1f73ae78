// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jetstream/ownership/claim_contest.h"
#include "jetstream/ownership/session_renewal.h"
#include "simulation/network.h"

namespace penstock::eventbus::simulation {

/// The session of a process and its claim as `SessionLease` keeps them, with a quorum of the model's servers.
/// Thread-compatible.
class ModelLease {
 public:
  struct Result {
    bool answered = false;                   ///< by a quorum, while the session lives
    std::optional<std::uint64_t> session{};  ///< the claim is won in this one
    std::uint64_t revision = 0;              ///< of the claim
    std::vector<std::string> reports{};      ///< of owners before
  };
  using Done = std::function<void(const Result& result)>;

  ModelLease(EventQueue& event_queue, Network& network, Trace& trace, std::size_t server, std::uint64_t process)
      : event_queue_(event_queue), network_(network), trace_(trace), server_(server), process_(process) {}

  /// Begins to renew the session.
  void Begin();
  /// The process is gone.
  void Stop() { stopped_ = true; }

  bool Holds(std::uint64_t session, TimePoint now) const { return now < until_ && session == session_; }
  std::uint64_t session() const { return session_; }

  /// One step towards the claim. `done` is called in any case.
  void TryClaim(bool only_look, Done done);
  void Release(std::uint64_t session);
  void Report(std::string report) { report_ = std::move(report); }

 private:
  struct Attempt {
    bool only_look = false;
    Done done{};
    bool over = false;
    std::uint64_t session = 0;
    std::string id{};
    jetstream::ClaimContest::Sight sight{};
    std::vector<std::string> reports{};  // newest first
  };
  using Shared = std::shared_ptr<Attempt>;

  std::string Id() const { return std::to_string(process_) + "." + std::to_string(session_); }
  void RenewAfter(std::chrono::milliseconds pause);
  void Renew();
  void Write();
  void Read();
  /// `what` is done with the bucket; what that returns, or `unanswered`, here. Reads take the bucket as const.
  template <typename What>
  void Ask(std::chrono::milliseconds budget, What what, std::function<void()> unanswered);

  void SawClaim(const Shared& attempt);
  void SawSession(const Shared& attempt);
  void Revoke(const Shared& attempt, std::optional<std::uint64_t> expected);
  void WriteClaim(const Shared& attempt, std::uint64_t expected);
  void End(const Shared& attempt, const Result& result);

  EventQueue& event_queue_;
  Network& network_;
  Trace& trace_;
  const std::size_t server_;
  const std::uint64_t process_;
  jetstream::SessionRenewal renewal_{};
  jetstream::ClaimContest contest_{};
  std::uint64_t session_ = 1;
  std::string report_{};  // of what is settled
  TimePoint until_{};
  bool begun_ = false;
  bool stopped_ = false;
};

}  // namespace penstock::eventbus::simulation
