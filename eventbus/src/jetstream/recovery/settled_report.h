// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jetstream/recovery/settled_runs.h"
#include "jetstream/recovery/stream_marks.h"

namespace penstock::eventbus::jetstream {

/// Tells what the owner of a consumer has settled, as it leaves it in the bucket for its successor. So a server that
/// loses acknowledgements makes no successor handle their messages again.
///
/// Every run was settled, whatever comes later: a report may be old without harm. It counts only for the consumer and
/// the stream that it was written for: those created then, the stream with `mark` as it was. All runs end at or before
/// `mark`.
struct SettledReport {
  static constexpr std::size_t kMostRuns = 8192;

  std::string stream_created{};    ///< in the server's words, without spaces
  std::string consumer_created{};  ///< likewise
  std::string consumer_tag{};      ///< likewise; empty: it has none
  StreamMarks::Mark mark{};        ///< a message that was delivered
  std::vector<SettledRuns::Run> runs{};
};

/// One line, without its break, of words separated by spaces: when stream and consumer were created, its tag or a
/// hyphen, the mark's sequence and time in ns, and for each run how far its first is from the end of the one before (or
/// from 0), a dot, and its length.
std::string Encode(const SettledReport& report);

/// Nothing for all that `Encode` does not write.
std::optional<SettledReport> DecodeSettledReport(std::string_view text);

}  // namespace penstock::eventbus::jetstream
