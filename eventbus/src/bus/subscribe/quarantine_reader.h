// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "bus/dead_letters/dead_letter_writer.h"
#include "bus/subscribe/subscription_spec.h"
#include "delivery/policy/quarantine.h"
#include "penstock/eventbus/options.h"
#include "transport/stream_contents.h"

namespace penstock::eventbus {

/// Reads from the dead letters which keys of a subscription are quarantined, and writes to the log that it does.
///
/// **Thread safety:** thread-compatible. Outlived by its arguments. **Blocking:** while it reads.
class QuarantineReader {
 public:
  QuarantineReader(const SubscriptionSpec& spec, DeadLetterWriter& letters, const LogSink& log)
      : spec_(spec), letters_(letters), log_(log) {}

  /// Nothing when no letter was stored or removed since the last reading, which takes one request.
  absl::StatusOr<std::optional<Quarantine>> Read();

  /// The next `Read` reads in any case.
  void Forget() { read_.reset(); }

  /// Whether to try again at `now`: at most once a second.
  bool IsDue(TimePoint now);

  /// Writes an error to the log, unless it did so before.
  void LogTrouble(const absl::Status& status);

 private:
  void LogBegin(std::uint64_t letters) const;
  void LogEnd(std::uint64_t letters, std::size_t keys, std::chrono::duration<double> took) const;

  const SubscriptionSpec& spec_;
  DeadLetterWriter& letters_;
  const LogSink& log_;
  std::optional<StreamContents> read_{};  // of the stream at the last reading
  TimePoint next_{};
  std::string trouble_{};  // logged last
};

}  // namespace penstock::eventbus
