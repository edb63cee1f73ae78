// SPDX-License-Identifier: Apache-2.0
#include "stream/stream_review.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

using enum StreamVerdict;

std::string PurposeOf(const StreamNeed& need) {
  if (need.use == StreamUse::kDeadLetters) return "dead letters";
  if (need.use == StreamUse::kBucket) return "a bucket";
  if (need.use == StreamUse::kDelayed) return "delayed messages";
  return need.use == StreamUse::kPlainTopic ? "plain messages" : "events";
}

// The same for both kinds of access, so that it is told once.
std::string TextOf(const StreamRule& rule, const StreamFacts& found, const StreamNeed& need) {
  return absl::StrCat("stream ", Quoted(need.wanted.name), " for ", PurposeOf(need), ": ", Quoted(rule.field), " is ",
                      rule.value(found), ": ", rule.consequence, "; ", rule.remedy);
}

bool Refuses(StreamVerdict verdict, const StreamNeed& need, StorageMismatch storage_mismatch) {
  if (verdict == kConsumeOnly) return need.access == StreamAccess::kPublish;
  if (verdict == kPublishOnly) return need.access == StreamAccess::kConsume;
  return verdict == kRefused || (verdict == kStorage && storage_mismatch == StorageMismatch::kRefuse);
}

}  // namespace

StreamReview ReviewStream(const StreamFacts& found, const StreamNeed& need, StorageMismatch storage_mismatch) {
  StreamReview review;
  for (const StreamRule& rule : StreamRules()) {
    const StreamVerdict verdict = rule.VerdictFor(need.use);
    if (rule.applies == nullptr || verdict == kFits || verdict == kMustMatch || !rule.applies(found, need)) continue;
    std::string text = TextOf(rule, found, need);
    if (verdict == kStorage) review.storage_mismatch = text;
    if (Refuses(verdict, need, storage_mismatch)) {
      review.status = absl::FailedPreconditionError(
          absl::StrCat(need.access == StreamAccess::kConsume ? "consume from " : "use ", text));
      return review;
    }
    if (verdict == kWarns) review.warnings.push_back(std::move(text));
  }
  return review;
}

}  // namespace penstock::eventbus
