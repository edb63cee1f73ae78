// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::chaos {

// What the processes of a run call things on their server, which is theirs alone.
inline constexpr char kTopic[] = "chaos";
inline constexpr char kBaseStream[] = "CHAOS";
inline constexpr char kDurable[] = "chaos";

}  // namespace penstock::chaos
