// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/settled_report.h"

#include <chrono>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "naming/decimal.h"
#include "naming/words.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kFixedWords = 5;
constexpr char kNoTag[] = "-";
constexpr std::uint64_t kTooHigh = std::uint64_t{1} << 63;

// The run that begins so far after `end`.
std::optional<SettledRuns::Run> DecodeRun(std::string_view text, std::uint64_t end, std::uint64_t least_distance) {
  const std::vector<std::string_view> numbers = SplitAt('.', text);
  if (numbers.size() != 2) return std::nullopt;
  const auto distance = ParseDecimal<std::uint64_t>(numbers[0]), length = ParseDecimal<std::uint64_t>(numbers[1]);
  if (!distance || !length || *distance < least_distance || *length == 0) return std::nullopt;
  if (*distance >= kTooHigh - end || *length >= kTooHigh - end - *distance) return std::nullopt;
  return SettledRuns::Run{end + *distance, end + *distance + *length - 1};
}

}  // namespace

std::string Encode(const SettledReport& report) {
  const auto stored_at = std::chrono::duration_cast<nanoseconds>(report.mark.stored_at.time_since_epoch());
  const std::string tag = report.consumer_tag.empty() ? kNoTag : report.consumer_tag;
  std::string text = absl::StrCat(report.stream_created, " ", report.consumer_created, " ", tag, " ",
                                  report.mark.sequence, " ", stored_at.count());
  std::uint64_t end = 0;
  for (const auto& [first, last] : report.runs) {
    absl::StrAppend(&text, " ", first - end, ".", last - first + 1);
    end = last;
  }
  return text;
}

std::optional<SettledReport> DecodeSettledReport(std::string_view text) {
  const std::vector<std::string_view> words = SplitAt(' ', text);
  if (words.size() < kFixedWords || words.size() > kFixedWords + SettledReport::kMostRuns) return std::nullopt;
  const auto sequence = ParseDecimal<std::uint64_t>(words[3]);
  const auto stored_at = ParseDecimal<std::int64_t>(words[4]);
  const bool named = !words[0].empty() && !words[1].empty() && !words[2].empty();
  if (!named || !sequence || *sequence >= kTooHigh || !stored_at) return std::nullopt;
  const std::chrono::system_clock::time_point time{
      std::chrono::duration_cast<std::chrono::system_clock::duration>(nanoseconds(*stored_at))};
  SettledReport report{.stream_created = std::string(words[0]),
                       .consumer_created = std::string(words[1]),
                       .consumer_tag = std::string(words[2] == kNoTag ? "" : words[2]),
                       .mark = {*sequence, time}};
  std::uint64_t end = 0;
  for (std::size_t i = kFixedWords; i < words.size(); ++i) {
    // Adjacent ones are one.
    const std::optional<SettledRuns::Run> run = DecodeRun(words[i], end, report.runs.empty() ? 1 : 2);
    if (!run || run->second > *sequence) return std::nullopt;
    end = run->second;
    report.runs.push_back(*run);
  }
  return report;
}

}  // namespace penstock::eventbus::jetstream
