// SPDX-License-Identifier: Apache-2.0
#include "http_message.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace penstock::metrics {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

struct ReasonPhrase {
  int status;
  std::string_view text;
};

constexpr ReasonPhrase kReasons[] = {{200, "OK"},
                                     {400, "Bad Request"},
                                     {404, "Not Found"},
                                     {405, "Method Not Allowed"},
                                     {431, "Request Header Fields Too Large"},
                                     {503, "Service Unavailable"},
                                     {505, "HTTP Version Not Supported"}};

std::string_view Reason(int status) {
  const ReasonPhrase* const reason = std::ranges::find(kReasons, status, &ReasonPhrase::status);
  return reason == std::end(kReasons) ? "Status" : reason->text;
}

// Takes the text before the next space off `line`.
std::string_view NextWord(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isgraph(c); });
}

HttpRequest ParseRequestLine(std::string_view line) {
  const std::string_view method = NextWord(line);
  const std::string_view target = NextWord(line);
  if (method.empty() || !target.starts_with('/') || !IsVisible(method) || !IsVisible(target)) return {.status = 400};
  if (line != "HTTP/1.1" && line != "HTTP/1.0") return {.status = line.starts_with("HTTP/") ? 505 : 400};
  if (method != "GET" && method != "HEAD") return {.status = 405};
  return {.status = 200, .head_only = method == "HEAD", .path = target.substr(0, target.find('?'))};
}

}  // namespace

HttpRequest ParseHttpRequest(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMaxHeadBytes).find(kEndOfHead);
  if (end == std::string_view::npos) return {.status = bytes.size() < kMaxHeadBytes ? 0 : 431};
  return ParseRequestLine(bytes.substr(0, bytes.find("\r\n")));
}

HttpReply Refusal(int status) { return {.status = status, .body = absl::StrCat(std::string(Reason(status)), "\n")}; }

std::string SerializeHttpReply(const HttpReply& reply, bool head_only) {
  std::string bytes = absl::StrCat(
      "HTTP/1.1 ", reply.status, " ", std::string(Reason(reply.status)), "\r\n", "Content-Type: ", reply.content_type,
      "\r\n", "Content-Length: ", reply.body.size(), "\r\n", reply.status == 405 ? "Allow: GET, HEAD\r\n" : "",
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
  if (!head_only) bytes += reply.body;
  return bytes;
}

}  // namespace penstock::metrics
