// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "jetstream/api/api_error.h"
#include "jetstream/connection/connection.h"
#include "jetstream/protocol/json.h"

namespace penstock::eventbus::jetstream {

/// The server's reply: its JSON, or its refusal.
struct ApiReply {
  Json body{};
  std::optional<ApiError> error{};

  bool Refused(int err_code) const { return error && error->err_code == err_code; }
};

/// `kInternal` when `text` is not the JSON object of an API reply.
absl::StatusOr<ApiReply> ParseApiReply(std::string_view text);

/// The error object of a reply that has one.
std::optional<ApiError> ReadApiError(const Json& reply);

/// Asks the server's JetStream API, again within a budget while the answer is that it cannot answer now: no connection,
/// no responder, no reply, an election.
///
/// **Thread safety:** thread-safe. **Blocking:** `Call` for up to its budget; not from the thread of a loop.
class ApiClient {
 public:
  /// A request without an answer is sent again every `again`, and any answer to it is taken: nobody may have led when
  /// it came. Shorter for what has to go on soon after an election; longer spares servers that are merely slow.
  static constexpr std::chrono::milliseconds kSoon{500};
  static constexpr std::chrono::milliseconds kSparingly{3000};
  explicit ApiClient(Connection& connection, std::chrono::milliseconds again = kSparingly)
      : connection_(connection), again_(again) {}
  /// Before or between calls.
  void SetAgain(std::chrono::milliseconds again) { again_ = again; }

  /// `subject` follows the prefix of the API (`ApiSubjects`). A refusal that waiting cannot heal is a reply, not an
  /// error. `kUnavailable`, `kDeadlineExceeded`, `kPermissionDenied`, `kCancelled`.
  absl::StatusOr<ApiReply> Call(const std::string& subject, const Json& request, std::chrono::milliseconds budget,
                                const std::stop_token& stop = {});

 private:
  absl::StatusOr<ApiReply> Attempt(const std::string& subject, const std::string& request,
                                   Connection::Clock::time_point until, const std::stop_token& stop);

  Connection& connection_;
  std::chrono::milliseconds again_;
};

}  // namespace penstock::eventbus::jetstream
