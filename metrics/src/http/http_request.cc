// SPDX-License-Identifier: Apache-2.0
#include "http/http_request.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace penstock::metrics {
namespace {

bool Takes(const HttpRoute& route, std::string_view method) {
  return std::ranges::find(route.methods, method == "HEAD" ? "GET" : method) != route.methods.end();
}

}  // namespace

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }

std::string_view QueryOf(std::string_view target) {
  target.remove_prefix(std::min(target.size(), PathOf(target).size() + 1));
  return target;
}

HeadVerdict Judge(const RequestHead& head, const std::map<std::string, HttpRoute>& routes) {
  if (head.version != 10 && head.version != 11) return {.refusal = 505};
  const bool has_host = head.version == 11 ? head.hosts == 1 : head.hosts <= 1;
  if (!has_host || !head.target.starts_with('/')) return {.refusal = 400};
  const auto found = routes.find(std::string(PathOf(head.target)));
  if (found == routes.end()) return {.refusal = 404};
  const HttpRoute& route = found->second;
  if (!Takes(route, head.method)) return {.refusal = 405, .route = &route};
  if (head.unknown_coding) return {.refusal = 501, .route = &route};
  if (head.content_length.value_or(0) > route.max_body_bytes) return {.refusal = 413, .route = &route};
  return {.route = &route};
}

std::string HttpRequest::Header(std::string_view name) const {
  std::string joined;
  for (const HttpHeader& header : headers) {
    if (!absl::EqualsIgnoreCase(header.name, std::string(name))) continue;
    absl::StrAppend(&joined, joined.empty() ? "" : ", ", header.value);
  }
  return joined;
}

}  // namespace penstock::metrics
