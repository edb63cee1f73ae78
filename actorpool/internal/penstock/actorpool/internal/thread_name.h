// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock {

/// The length, in bytes, of the longest thread name that Linux takes.
inline constexpr std::size_t kMaxThreadNameBytes = 15;

/// Names the calling thread for debuggers, `top` and `perf`. A longer name is cut to `kMaxThreadNameBytes`.
inline void SetThreadName(std::string_view name) {
  pthread_setname_np(pthread_self(), std::string(name.substr(0, kMaxThreadNameBytes)).c_str());
}

}  // namespace penstock
