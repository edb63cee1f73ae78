// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {

/// Runs `handler`, which returns a status, and catches what it throws.
template <typename Handler>
Completion RunHandler(Handler&& handler) {
  const auto threw = [](const char* error) {
    return Completion{.disposition = Disposition::kThrew,
                      .status = absl::InternalError(absl::StrCat("handler threw: ", error))};
  };
  try {
    return {.status = handler()};
  } catch (const std::exception& error) {
    return threw(error.what());
  } catch (...) {
    return threw("unknown exception");
  }
}

}  // namespace penstock::actorpool
