// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "http/http_reply.h"
#include "penstock/metrics/http_endpoint.h"

namespace penstock::metrics {
namespace {

constexpr std::size_t kMostThreads = 64;
constexpr std::size_t kMostClients = 1024;
constexpr std::size_t kLargestBody = std::size_t{64} << 20U;
constexpr std::size_t kSmallestQueue = std::size_t{1} << 10U;
constexpr std::size_t kLargestQueue = std::size_t{64} << 20U;
constexpr std::chrono::milliseconds kShortest{10};
constexpr std::chrono::milliseconds kLongestConnection{60'000};
constexpr std::chrono::hours kLongestStream{24};

absl::Status Invalid(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("http options: ", std::string(text)));
}

bool IsMethod(const std::string& text) {
  return IsToken(text) && text != "HEAD" && std::ranges::none_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

struct Bound {
  const char* field;
  std::size_t value;
  std::size_t least;
  std::size_t most;
};

absl::Status Check(const Bound& bound) {
  if (bound.value >= bound.least && bound.value <= bound.most) return absl::OkStatus();
  return Invalid(absl::StrCat(bound.field, " is ", bound.value, "; use ", bound.least, " to ", bound.most));
}

}  // namespace

absl::Status HttpRoute::Validate(std::string_view path) const {
  const std::string where = absl::StrCat("the route \"", std::string(path), "\" ");
  if (!path.starts_with('/')) return Invalid(where + "has such a path; begin it with /");
  if (path.find_first_of("?# ") != std::string_view::npos)
    return Invalid(where + "has such a path; leave out ?, # and spaces");
  if (static_cast<bool>(handler) == static_cast<bool>(events)) {
    return Invalid(where + "has both or none of handler and events; set one");
  }
  if (methods.empty() || !std::ranges::all_of(methods, &IsMethod)) {
    return Invalid(where + "has wrong methods; use such as GET (HEAD comes with it) and POST, in capitals");
  }
  if (max_body_bytes > kLargestBody) return Invalid(where + "has max_body_bytes above 64 MiB; use 0 to 64 MiB");
  return absl::OkStatus();
}

absl::Status HttpOptions::Validate() const {
  if (host.empty() || host.find('\0') != std::string::npos)
    return Invalid("host is empty or has a zero byte; name an address");
  for (const auto& [path, route] : routes) {
    if (absl::Status status = route.Validate(path); !status.ok()) return status;
  }
  if (connection_timeout < kShortest || connection_timeout > kLongestConnection) {
    return Invalid(absl::StrCat("connection_timeout is ", connection_timeout.count(), " ms; use 10 ms to 1 min"));
  }
  if (stream_timeout < kShortest || stream_timeout > kLongestStream) {
    return Invalid(absl::StrCat("stream_timeout is ", stream_timeout.count(), " ms; use 10 ms to 1 day"));
  }
  for (const Bound& bound :
       {Bound{"handler_threads", handler_threads, 1, kMostThreads}, Bound{"max_waiting", max_waiting, 1, kMostClients},
        Bound{"max_connections", max_connections, 1, kMostClients}, Bound{"max_streams", max_streams, 1, kMostClients},
        Bound{"max_stream_queue_bytes", max_stream_queue_bytes, kSmallestQueue, kLargestQueue}}) {
    if (absl::Status status = Check(bound); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace penstock::metrics
