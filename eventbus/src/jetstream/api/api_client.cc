// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/api_client.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::milliseconds kPause(100);

bool WorthAnotherTry(const absl::StatusOr<ApiReply>& reply) {
  if (reply.ok()) return reply->error && IsTransient(*reply->error);
  return absl::IsUnavailable(reply.status()) || absl::IsDeadlineExceeded(reply.status());
}

}  // namespace

std::optional<ApiError> ReadApiError(const Json& reply) {
  const Json& error = Member(reply, "error");
  if (!error.is_object()) return std::nullopt;
  return ApiError{static_cast<int>(IntMember(error, "code").value_or(0)),
                  static_cast<int>(IntMember(error, "err_code").value_or(0)), StringMember(error, "description")};
}

absl::StatusOr<ApiReply> ParseApiReply(std::string_view text) {
  Json body = ParseJson(text);
  if (!body.is_object()) return absl::InternalError("JetStream API: the reply is no JSON object");
  std::optional<ApiError> error = ReadApiError(body);
  return ApiReply{std::move(body), std::move(error)};
}

absl::StatusOr<ApiReply> ApiClient::Call(const std::string& subject, const Json& request,
                                         std::chrono::milliseconds budget, const std::stop_token& stop) {
  const std::string full_subject = connection_.api_subjects().For(subject);
  const std::string body = request.is_null() ? "" : WriteJson(request);
  const auto deadline = DeadlineAfter(budget);
  while (true) {
    absl::StatusOr<ApiReply> reply = Attempt(full_subject, body, deadline, stop);
    if (!WorthAnotherTry(reply)) return reply;
    if (Connection::Clock::now() + 2 * kPause >= deadline) return reply;
    if (stop.stop_requested() || !connection_.Pause(kPause)) {
      return absl::CancelledError(absl::StrCat("JetStream API ", subject, ": the connection is being closed"));
    }
  }
}

absl::StatusOr<ApiReply> ApiClient::Attempt(const std::string& subject, const std::string& request,
                                            Connection::Clock::time_point until, const std::stop_token& stop) {
  const std::shared_ptr<Link> link = connection_.AwaitLink(until);
  if (link == nullptr) {
    return absl::UnavailableError(absl::StrCat("JetStream API ", subject, ": not connected to ",
                                               connection_.redacted_url(), "; it is being tried"));
  }
  const absl::StatusOr<MessageHandle> reply = link->Request({.subject = subject, .body = request}, until, stop, again_);
  if (reply.ok()) return ParseApiReply((*reply)->payload());
  return absl::Status(reply.status().code(), absl::StrCat("JetStream API ", subject, ": ", reply.status().message()));
}

}  // namespace penstock::eventbus::jetstream
