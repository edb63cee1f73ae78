// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/api_subjects.h"

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr const char* kOwnPrefix = "$JS.API";

std::string PrefixOf(const BusOptions& options) {
  if (!options.jetstream_api_prefix.empty()) return options.jetstream_api_prefix;
  if (options.jetstream_domain.empty()) return kOwnPrefix;
  return absl::StrCat("$JS.", options.jetstream_domain, ".API");
}

}  // namespace

ApiSubjects::ApiSubjects(const BusOptions& options) : prefix_(PrefixOf(options)), remote_(prefix_ != kOwnPrefix) {}

std::string ApiSubjects::For(std::string_view request) const {
  return absl::StrCat(prefix_, ".", std::string(request));
}

std::string ApiSubjects::ForBucketWrite(std::string_view subject) const {
  return remote_ ? For(subject) : std::string(subject);
}

}  // namespace penstock::eventbus::jetstream
