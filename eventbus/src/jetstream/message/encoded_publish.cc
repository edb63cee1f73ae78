// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/encoded_publish.h"

#include "absl/strings/str_cat.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kVersionLine = "NATS/1.0\r\n";
constexpr std::string_view kLineEnd = "\r\n";

bool IsOneLine(std::string_view text) {
  return text.find('\n') == std::string_view::npos && text.find('\r') == std::string_view::npos;
}

bool AppendField(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ").append(value).append(kLineEnd);
  return IsOneLine(name) && IsOneLine(value);
}

bool AppendHeaders(std::string& to, const OutboundMessage& message) {
  to.append(kVersionLine);
  bool fit = AppendField(to, header::kMessageId, message.message_id);
  for (const ReservedHeader& own : message.reserved_headers) fit &= AppendField(to, own.name, own.value);
  for (const auto& [name, value] : message.headers) fit &= AppendField(to, name, value);
  to.append(kLineEnd);
  return fit;
}

}  // namespace

absl::StatusOr<EncodedPublish> EncodedPublish::Encode(const OutboundMessage& message, std::string_view reply) {
  EncodedPublish encoded;
  std::string& text = encoded.text_;
  text.reserve(message.subject.size() + reply.size() + 2 + SizeBytes(message));
  text.append(message.subject).push_back('\0');
  text.append(reply).push_back('\0');
  const std::size_t headers_begin = text.size();
  if (!AppendHeaders(text, message)) {
    return absl::InvalidArgumentError(
        absl::StrCat("publish to ", Quoted(message.subject), ": a header has a line break; leave it out"));
  }
  encoded.subject_bytes_ = message.subject.size();
  encoded.reply_bytes_ = reply.size();
  encoded.header_bytes_ = text.size() - headers_begin;
  text.append(message.body);
  return encoded;
}

Publication EncodedPublish::publication() const {
  const std::string_view text(text_);
  const std::size_t reply_begin = subject_bytes_ + 1;
  const std::size_t headers_begin = reply_begin + reply_bytes_ + 1;
  return {.subject = subject(),
          .body = text.substr(headers_begin + header_bytes_),
          .reply = text.substr(reply_begin, reply_bytes_),
          .headers = text.substr(headers_begin, header_bytes_)};
}

}  // namespace penstock::eventbus::jetstream
