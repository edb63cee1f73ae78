// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace penstock::eventbus::jetstream {

/// A message to publish, as views. All but the subject may be empty; NULs follow subject and reply.
struct Publication {
  std::string_view subject{}, body{}, reply{};
  std::string_view headers{};  ///< a whole block, as in `ParseHeaderBlock`
};

}  // namespace penstock::eventbus::jetstream
