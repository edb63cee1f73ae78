// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/dead_letter_query.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/strings/str_format.h"
#include "naming/first_error.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kMostIds = 10'000;
constexpr std::size_t kLargestPage = 10'000;
constexpr std::uint64_t kMostRedrives = 1'000'000;
constexpr double kLowestRate = 0.01;
constexpr double kHighestRate = 1'000'000;
constexpr std::array kErrorClasses = {error_class::kExhausted,   error_class::kThrew,    error_class::kRejected,
                                      error_class::kUndecodable, error_class::kTimedOut, error_class::kExpired,
                                      error_class::kQuarantined};

absl::Status CheckErrorClass(std::string_view name) {
  if (name.empty() || std::ranges::find(kErrorClasses, name) != kErrorClasses.end()) return absl::OkStatus();
  return BadField("error_class",
                  absl::StrFormat("is %s; use exhausted, threw, rejected, undecodable or quarantined", Quoted(name)));
}

absl::Status CheckIds(const DeadLetterQuery& query) {
  if (query.ids.size() > kMostIds) {
    return BadField("ids", absl::StrFormat("has %d IDs, the most are %d; ask in parts", query.ids.size(), kMostIds));
  }
  if (std::ranges::find(query.ids, 0U) != query.ids.end()) return BadField("ids", "contains 0; IDs begin at 1");
  if (query.last_id == 0 || query.first_id <= query.last_id) return absl::OkStatus();
  return BadField("first_id",
                  absl::StrFormat("is %d, above \"last_id\", which is %d; swap them", query.first_id, query.last_id));
}

absl::Status CheckTimes(const DeadLetterQuery& query) {
  if (!query.failed_from || !query.failed_to || *query.failed_from < *query.failed_to) return absl::OkStatus();
  return BadField("failed_from", "is not before \"failed_to\"; swap them or leave one out");
}

}  // namespace

absl::Status CheckQuery(std::string_view what, const DeadLetterQuery& query, std::string_view base) {
  const absl::Status status = FirstError(
      [&] { return query.topic.empty() ? absl::OkStatus() : CheckTopic("field \"topic\"", query.topic, base); },
      [&] { return query.consumer.empty() ? absl::OkStatus() : CheckName("consumer", query.consumer); },
      [&] { return query.key.empty() ? absl::OkStatus() : CheckAggregateId("key", query.key); },
      [&] { return CheckErrorClass(query.error_class); }, [&] { return CheckIds(query); },
      [&] { return CheckTimes(query); });
  return Prefixed(what, status);
}

absl::Status CheckOptions(const ListOptions& options) {
  if (options.limit >= 1 && options.limit <= kLargestPage) return absl::OkStatus();
  return Prefixed("list dead letters",
                  BadField("limit", absl::StrFormat("is %d; use 1 to %d, and after_id for the next page", options.limit,
                                                    kLargestPage)));
}

absl::Status CheckOptions(const RedriveOptions& options) {
  constexpr std::string_view kWhat = "redrive dead letters";
  const double rate = options.messages_per_second;
  // Written so that what is no number fails.
  if (!(rate == 0 || (rate >= kLowestRate && rate <= kHighestRate))) {
    return Prefixed(
        kWhat, BadField("messages_per_second", absl::StrFormat("is %g; use 0 for no limit, or 0.01 to 1000000", rate)));
  }
  if (options.max_redrives >= 1 && options.max_redrives <= kMostRedrives) return absl::OkStatus();
  return Prefixed(kWhat,
                  BadField("max_redrives", absl::StrFormat("is %d; use 1 to %d", options.max_redrives, kMostRedrives)));
}

bool IsUnbounded(const DeadLetterQuery& query) {
  return query.topic.empty() && query.consumer.empty() && query.key.empty() && query.error_class.empty() &&
         query.ids.empty() && query.first_id == 0 && query.last_id == 0 && !query.failed_from && !query.failed_to;
}

bool MatchesAllBehind(const DeadLetterQuery& query) {
  DeadLetterQuery rest = query;
  rest.topic.clear();
  rest.first_id = 0;
  return IsUnbounded(rest);
}

bool Matches(const DeadLetterQuery& query, const DeadLetter& letter) {
  const auto fits = [](const std::string& wanted, const std::string& has) { return wanted.empty() || wanted == has; };
  return fits(query.topic, letter.topic) && fits(query.consumer, letter.consumer) && fits(query.key, letter.key) &&
         fits(query.error_class, letter.error_class) &&
         (query.ids.empty() || std::ranges::find(query.ids, letter.id) != query.ids.end()) &&
         letter.id >= query.first_id && (query.last_id == 0 || letter.id <= query.last_id) &&
         (!query.failed_from || letter.last_failed_at >= *query.failed_from) &&
         (!query.failed_to || letter.last_failed_at < *query.failed_to);
}

IdWalk::IdWalk(const DeadLetterQuery& query, std::uint64_t after_id)
    : ids_(query.ids),
      first_(std::max(query.first_id, after_id == std::numeric_limits<std::uint64_t>::max() ? after_id : after_id + 1)),
      last_(query.last_id == 0 ? std::numeric_limits<std::uint64_t>::max() : query.last_id) {
  std::sort(ids_.begin(), ids_.end());
}

std::uint64_t IdWalk::Next(std::uint64_t from) const {
  if (!ids_.empty()) {
    const auto found = std::lower_bound(ids_.begin(), ids_.end(), from);
    if (found == ids_.end()) return 0;
    from = *found;
  }
  return from <= last_ ? from : 0;
}

}  // namespace penstock::eventbus
