// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace penstock::eventbus {

/// The whole of `text` as a decimal number. Nothing if it is empty, has any other character (a sign counts as one for
/// an unsigned `Number`), or does not fit.
template <typename Number>
std::optional<Number> ParseDecimal(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace penstock::eventbus
