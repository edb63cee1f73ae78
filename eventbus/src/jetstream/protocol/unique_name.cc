// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/unique_name.h"

#include <random>
#include <string_view>

namespace penstock::eventbus::jetstream {

std::string UniqueName() {
  constexpr std::string_view kCharacters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kCount = 22;
  std::random_device source;  // getrandom() or the processor's generator
  std::uniform_int_distribution<std::size_t> index(0, kCharacters.size() - 1);
  std::string name(kCount, '\0');
  for (char& each : name) each = kCharacters[index(source)];
  return name;
}

}  // namespace penstock::eventbus::jetstream
