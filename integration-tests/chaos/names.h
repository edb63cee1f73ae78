// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "penstock/eventbus/options.h"

namespace penstock::chaos {

// What the processes of a run call things on their server, which is theirs alone.
inline constexpr char kTopic[] = "chaos";
inline constexpr char kBaseStream[] = "CHAOS";
inline constexpr char kDurable[] = "chaos";

/// Plaintext when there is no file of a certificate to trust.
inline TlsOptions TlsTrusting(const std::string& ca_file) {
  if (ca_file.empty()) return {};
  return {.mode = TlsOptions::Mode::kRequired, .ca_file = ca_file};
}

}  // namespace penstock::chaos
