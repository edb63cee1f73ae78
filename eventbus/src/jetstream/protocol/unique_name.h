// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

namespace penstock::eventbus::jetstream {

/// 22 characters of `[0-9A-Za-z]` from the system's random numbers: 130 bits that nobody else draws or guesses.
inline std::string UniqueName() {
  constexpr std::string_view kCharacters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device source;  // getrandom() or the processor's generator
  std::uniform_int_distribution<std::size_t> index(0, kCharacters.size() - 1);
  std::string name(22, '\0');
  for (char& each : name) each = kCharacters[index(source)];
  return name;
}

/// A subject for answers below `prefix` that nobody else uses.
inline std::string UniqueInbox(const std::string& prefix) { return prefix + "." + UniqueName(); }

}  // namespace penstock::eventbus::jetstream
