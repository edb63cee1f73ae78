// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace penstock::eventbus::jetstream {

/// 22 characters of `[0-9A-Za-z]` from the system's random numbers: 130 bits that nobody else draws or guesses.
std::string UniqueName();

}  // namespace penstock::eventbus::jetstream
