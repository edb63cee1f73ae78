// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::eventbus::simulation {

/// The surroundings of all processes at the moment.
struct Conditions {
  bool handlers_down = false;  ///< every handler fails
  bool letters_down = false;   ///< dead letters cannot be stored or removed
  bool calm = false;           ///< nothing fails any more, and what could never be handled can
};

}  // namespace penstock::eventbus::simulation
