// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

namespace penstock::eventbus::jetstream {

/// Names the calling thread for debuggers and `top`: at most 15 characters.
inline void NameThisThread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace penstock::eventbus::jetstream
