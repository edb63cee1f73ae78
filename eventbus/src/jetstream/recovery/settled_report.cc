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

constexpr std::size_t kFixedWords = 4;
constexpr std::uint64_t kTooHigh = std::uint64_t{1} << 63;

std::optional<SettledRuns::Run> DecodeRun(std::string_view text) {
  const std::vector<std::string_view> ends = SplitAt('-', text);
  if (ends.size() != 2) return std::nullopt;
  const auto first = ParseDecimal<std::uint64_t>(ends[0]), last = ParseDecimal<std::uint64_t>(ends[1]);
  if (!first || !last || *first == 0 || *first > *last) return std::nullopt;
  return SettledRuns::Run{*first, *last};
}

}  // namespace

std::string Encode(const SettledReport& report) {
  const auto stored_at = std::chrono::duration_cast<nanoseconds>(report.mark.stored_at.time_since_epoch());
  std::string text = absl::StrCat(report.stream_created, " ", report.consumer_created, " ", report.mark.sequence, " ",
                                  stored_at.count());
  for (const auto& [first, last] : report.runs) absl::StrAppend(&text, " ", first, "-", last);
  return text;
}

std::optional<SettledReport> DecodeSettledReport(std::string_view text) {
  const std::vector<std::string_view> words = SplitAt(' ', text);
  if (words.size() < kFixedWords || words.size() > kFixedWords + SettledReport::kMostRuns) return std::nullopt;
  const auto sequence = ParseDecimal<std::uint64_t>(words[2]);
  const auto stored_at = ParseDecimal<std::int64_t>(words[3]);
  const bool named = !words[0].empty() && !words[1].empty();
  if (!named || !sequence || *sequence >= kTooHigh || !stored_at) return std::nullopt;
  const std::chrono::system_clock::time_point time{
      std::chrono::duration_cast<std::chrono::system_clock::duration>(nanoseconds(*stored_at))};
  SettledReport report{
      .stream_created = std::string(words[0]), .consumer_created = std::string(words[1]), .mark = {*sequence, time}};
  std::uint64_t least = 1;
  for (std::size_t i = kFixedWords; i < words.size(); ++i) {
    const std::optional<SettledRuns::Run> run = DecodeRun(words[i]);
    if (!run || run->first < least || run->second > *sequence) return std::nullopt;
    least = run->second + 2;  // adjacent ones are one
    report.runs.push_back(*run);
  }
  return report;
}

}  // namespace penstock::eventbus::jetstream
