// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace penstock::eventbus::jetstream {

/// The times of ownership on every server. From the loss of an owner to its successor they add up to less than 0.8 s.
namespace ownership_time {
using std::chrono::milliseconds;
inline constexpr milliseconds kProbe(100);           ///< an owner proves itself so often
inline constexpr milliseconds kLease(500);           ///< and stops so long after its last proof was sent
inline constexpr milliseconds kTakeOver(550);        ///< a standby waits so long; over `kLease`, for clocks that differ
inline constexpr milliseconds kSilence(2500);        ///< an owner stops after so long a silence
inline constexpr milliseconds kMissing(3000);        ///< a standby waits so long for the owner of a deleted consumer
inline constexpr milliseconds kBlind(2000);          ///< a consumer is not made and deleted again within this
inline constexpr milliseconds kHalfOpen(1000);       ///< a server may believe so long in a connection that is gone
inline constexpr milliseconds kRecoveryStall(1000);  ///< a server may pause so long before all that was pending came
inline constexpr milliseconds kAckMemory(2000);      ///< acknowledgements are remembered for one to two of these
inline constexpr milliseconds kSpeaks(1500);         ///< a server that was heard within this takes acknowledgements in
inline constexpr milliseconds kShortestPause(25);    ///< between two looks of a standby: a hand-over takes this long
inline constexpr milliseconds kLongestPause(50);
inline constexpr int kMostPauses = 4;  ///< as many times as long with many consumers, see `LookEvery`
}  // namespace ownership_time

/// The times of a process' session, by which an owner proves itself in a cluster too. A successor begins within 1 s of
/// the loss of an owner, and never before that owner has stopped: it waits longer than a proof lasts, and the owner
/// counts its proof from before it asked.
namespace session_time {
using std::chrono::milliseconds;
inline constexpr milliseconds kRenewal(200);     ///< a session is renewed so often
inline constexpr milliseconds kProof(600);       ///< a committed renewal proves the session so long after it was sent
inline constexpr milliseconds kRevocation(660);  ///< a standby ends a session that has not changed for so long
/// The same while the server believes that the session's owner listens: the consumer may then have to be created again,
/// which costs more than to wait for an owner that comes back.
inline constexpr milliseconds kEviction(900);
inline constexpr milliseconds kUnseen(500);  ///< when no look was answered for so long, nobody could renew
inline constexpr milliseconds kGrace(350);   ///< and an owner renews its session within this when one is again
}  // namespace session_time

}  // namespace penstock::eventbus::jetstream
