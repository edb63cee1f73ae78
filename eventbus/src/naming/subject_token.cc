// SPDX-License-Identifier: Apache-2.0
#include "naming/subject_token.h"

#include "naming/characters.h"

namespace penstock::eventbus {

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

}  // namespace penstock::eventbus
