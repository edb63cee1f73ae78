// SPDX-License-Identifier: Apache-2.0
#include "support/relay/message_frame.h"

#include <cstddef>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace penstock::testing {

std::optional<MessageFrame> ReadMessageFrame(std::string_view frame) {
  const std::size_t line_end = frame.find("\r\n");
  if (line_end == std::string_view::npos) return std::nullopt;
  const std::string line(frame.substr(0, line_end));
  const std::vector<std::string> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
  const bool with_headers = fields[0] == "HMSG";
  const std::size_t sizes = with_headers ? 2 : 1;
  std::size_t header_bytes = 0;
  if ((!with_headers && fields[0] != "MSG") || fields.size() < 3 + sizes ||
      (with_headers && !absl::SimpleAtoi(fields[fields.size() - 2], &header_bytes))) {
    return std::nullopt;
  }
  const std::string content(frame.substr(line_end + 2, frame.size() - line_end - 4));
  return MessageFrame{.subject = fields[1],
                      .sid = fields[2],
                      .reply = fields.size() > 3 + sizes ? fields[3] : "",
                      .headers = content.substr(0, header_bytes),
                      .body = content.substr(header_bytes)};
}

std::string WriteMessageFrame(const MessageFrame& message) {
  const std::size_t total = message.headers.size() + message.body.size();
  const std::string to =
      absl::StrCat(message.subject, " ", message.sid, message.reply.empty() ? "" : " ", message.reply, " ");
  const std::string line = message.headers.empty() ? absl::StrCat("MSG ", to, total)
                                                   : absl::StrCat("HMSG ", to, message.headers.size(), " ", total);
  return absl::StrCat(line, "\r\n", message.headers, message.body, "\r\n");
}

}  // namespace penstock::testing
