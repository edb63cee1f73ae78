// SPDX-License-Identifier: Apache-2.0
#include "envelope/json_writer.h"

namespace penstock::eventbus {

void JsonWriter::Text(std::string_view key, std::string_view value) {
  Key(key);
  Quote(value);
}

void JsonWriter::TextUnlessEmpty(std::string_view key, std::string_view value) {
  if (!value.empty()) Text(key, value);
}

void JsonWriter::Number(std::string_view key, std::int64_t value) {
  Key(key);
  out_ += std::to_string(value);
}

void JsonWriter::Raw(std::string_view key, std::string_view json) {
  Key(key);
  out_ += json;
}

void JsonWriter::Key(std::string_view key) {
  if (!first_) out_ += ',';
  first_ = false;
  Quote(key);
  out_ += ':';
}

void JsonWriter::Quote(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out_ += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      out_.append("\\u00") += kDigits[byte >> 4];
      out_ += kDigits[byte & 0xF];
      continue;
    }
    if (c == '"' || c == '\\') out_ += '\\';
    out_ += c;
  }
  out_ += '"';
}

}  // namespace penstock::eventbus
