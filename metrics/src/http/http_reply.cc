// SPDX-License-Identifier: Apache-2.0
#include "http/http_reply.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "http/gzip.h"
#include "http/negotiation.h"

namespace penstock::metrics {
namespace {

struct ReasonPhrase {
  int status;
  const char* text;
};

constexpr ReasonPhrase kReasons[] = {{400, "bad request"},
                                     {404, "not found"},
                                     {405, "method not allowed"},
                                     {413, "body too large"},
                                     {431, "request header fields too large"},
                                     {500, "internal server error"},
                                     {501, "transfer coding not implemented"},
                                     {503, "too many requests wait; try again"},
                                     {505, "HTTP version not supported"}};

// The endpoint's own fields.
constexpr const char* kReserved[] = {"Connection", "Content-Length", "Transfer-Encoding", "Vary"};

std::string AllowedBy(const HttpRoute& route) {
  std::string allowed = absl::StrJoin(route.methods, ", ");
  const bool reads = std::ranges::find(route.methods, "GET") != route.methods.end();
  return reads ? allowed + ", HEAD" : allowed;
}

bool IsSendable(const HttpHeader& header) {
  const bool reserved =
      std::ranges::any_of(kReserved, [&](const char* name) { return absl::EqualsIgnoreCase(name, header.name); });
  return !reserved && IsToken(header.name) && IsFieldValue(header.value);
}

bool IsSendable(const HttpReply& reply) {
  return reply.status >= 200 && reply.status <= 599 && IsFieldValue(reply.content_type) &&
         std::ranges::all_of(reply.headers, [](const HttpHeader& header) { return IsSendable(header); });
}

void LogError(const LogSink& log, const HttpRequest& request, std::string_view what) {
  if (log) log(LogLevel::kError, absl::StrCat("http handler of \"", request.path, "\": ", std::string(what)));
}

/// Runs `call`; returns false, after a line in the log, when it throws.
template <typename Call>
bool Survives(const HttpRequest& request, const LogSink& log, const Call& call) {
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    LogError(log, request, absl::StrCat("threw: ", error.what()));
  } catch (...) {
    LogError(log, request, "threw something that is no std::exception");
  }
  return false;
}

bool HasCoding(const HttpReply& reply) {
  return std::ranges::any_of(reply.headers,
                             [](const HttpHeader& h) { return absl::EqualsIgnoreCase(h.name, "Content-Encoding"); });
}

void CompressIfWorthIt(const HttpRequest& request, HttpReply& reply) {
  if (reply.body.size() < kMinGzipBytes || HasCoding(reply)) return;
  if (!PrefersGzip(request.Header("Accept-Encoding"))) return;
  std::optional<std::string> compressed = Gzip(reply.body);
  if (!compressed || compressed->size() >= reply.body.size()) return;
  reply.body = *std::move(compressed);
  reply.headers.push_back({.name = "Content-Encoding", .value = "gzip"});
}

}  // namespace

bool IsFieldValue(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7F); });
}

bool IsToken(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return absl::ascii_isalnum(c) || kMarks.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

HttpReply Refusal(int status, const HttpRoute* route) {
  const ReasonPhrase* const reason = std::ranges::find(kReasons, status, &ReasonPhrase::status);
  HttpReply reply{.status = status,
                  .body = absl::StrCat(reason == std::end(kReasons) ? "refused" : reason->text, "\n")};
  if (status == 405 && route != nullptr) reply.headers.push_back({.name = "Allow", .value = AllowedBy(*route)});
  if (status == 503) reply.headers.push_back({.name = "Retry-After", .value = "1"});
  return reply;
}

HttpReply Answer(const HttpRoute& route, const HttpRequest& request, const LogSink& log) {
  HttpReply reply;
  if (!Survives(request, log, [&] { reply = route.handler(request); })) return Refusal(500);
  if (!IsSendable(reply)) {
    LogError(log, request, "its reply has a status or a header field that cannot be sent");
    return Refusal(500);
  }
  CompressIfWorthIt(request, reply);
  return reply;
}

void HandOver(const HttpRoute& route, const HttpRequest& request, const std::shared_ptr<EventStream>& stream,
              const LogSink& log) {
  if (!Survives(request, log, [&] { route.events(request, stream); })) stream->Close();
}

}  // namespace penstock::metrics
