// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "penstock/eventbus/options.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Connects to a NATS server and checks that it has JetStream. Errors as `EventBus::Connect`.
absl::StatusOr<std::unique_ptr<Transport>> ConnectJetStream(const BusOptions& options,
                                                            const std::stop_token& stop = {});

/// Opens the embedded transport that `options.url` names.
absl::StatusOr<std::unique_ptr<Transport>> ConnectMemory(const BusOptions& options);

}  // namespace penstock::eventbus
