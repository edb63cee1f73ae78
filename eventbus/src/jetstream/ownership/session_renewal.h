// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace penstock::eventbus::jetstream {

/// Decides how the session of a process is kept alive: which write comes next, until when a committed one proves that
/// the session lives, and when it was ended by another process.
///
/// A write that was not answered may have happened: then the next one has to expect its revision, which is read first.
/// A read proves nothing, since a server that was cut off from the others may have answered. Others only ever
/// delete the session's key.
///
/// Pure: no thread, no clock, no I/O. Thread-compatible.
class SessionRenewal {
 public:
  using Time = std::chrono::steady_clock::time_point;

  enum class Step {
    kCreate,  ///< write the session's key, which must not be there
    kUpdate,  ///< write it, expecting `revision`
    kRead     ///< read it: the last write was not answered, or refused
  };
  enum class Found {
    kThere,   ///< go on with `Next`
    kNotYet,  ///< it was never there: create it
    kEnded    ///< another process ended the session: a new one begins, of another name
  };

  Step Next() const;
  std::uint64_t revision() const { return revision_; }
  /// A write that was sent at `sent` is committed. Returns until when the session is proven.
  Time Committed(std::uint64_t revision, Time sent);
  /// A write was refused or not answered.
  void Failed() { unknown_ = true; }
  /// The outcome of a read: the revision of the key, nothing when it is not there.
  Found Read(std::optional<std::uint64_t> revision);

 private:
  std::uint64_t revision_ = 0;  // 0: it has to be created
  bool unknown_ = false;        // it may be another
};

}  // namespace penstock::eventbus::jetstream
