// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/middleware.h"

namespace penstock::eventbus {

using Middlewares = std::vector<std::shared_ptr<Middleware>>;

/// The handler with `outer` around it, and within those `inner`. Without any it is `handler` itself.
EnvelopeHandler WithMiddleware(EnvelopeHandler handler, const Middlewares& outer, const Middlewares& inner);

/// Before a publish: the first error, or that of a throw.
absl::Status BeforePublish(const Middlewares& all, std::string_view topic, Envelope& envelope, PublishOptions& options);

/// `done`, with the middleware told before it, the innermost first.
PublishCallback WithMiddleware(PublishCallback done, const Middlewares& all, std::string_view topic);

}  // namespace penstock::eventbus
