// SPDX-License-Identifier: Apache-2.0
#include "naming/subject_token.h"

#include "naming/characters.h"

namespace penstock::eventbus {
namespace {

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

}  // namespace

std::string SubjectToken(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string token;
  token.reserve(text.size());
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (IsNameCharacter(each)) {
      token += each;
    } else {
      token += {'=', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return token;
}

std::string TextOfToken(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '=' && i + 2 < token.size();
    const int high = escape ? HexValue(token[i + 1]) : -1;
    const int low = escape ? HexValue(token[i + 2]) : -1;
    if (high < 0 || low < 0) {
      text += token[i];
      continue;
    }
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return text;
}

}  // namespace penstock::eventbus
