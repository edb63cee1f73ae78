// SPDX-License-Identifier: Apache-2.0
#include "escape_controls.h"

#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

// U+0080 to U+009F are 0xC2 0x80 to 0xC2 0x9F in UTF-8, and some terminals obey them.
bool IsC1(std::string_view text, std::size_t at) {
  return at + 1 < text.size() && text[at] == '\xc2' && static_cast<unsigned char>(text[at + 1]) >= 0x80 &&
         static_cast<unsigned char>(text[at + 1]) <= 0x9f;
}

void AppendHex(std::string& out, char byte) {
  absl::StrAppend(&out, "\\x", absl::Hex(static_cast<unsigned char>(byte), absl::kZeroPad2));
}

}  // namespace

std::string EscapeControls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      AppendHex(out, text[i]);
    } else if (IsC1(text, i)) {
      AppendHex(out, text[i]);
      AppendHex(out, text[++i]);
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace penstock
