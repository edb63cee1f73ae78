// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything a microservice needs: the bus, its metrics, and `Service`, which runs both.
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/stream_registry.h"
#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/middleware.h"
#include "penstock/metrics/bus_collector.h"
#include "penstock/metrics/exposition.h"
#include "penstock/metrics/http_endpoint.h"
#include "penstock/metrics/http_route.h"
#include "penstock/metrics/stream_collector.h"
#include "penstock/sdk/service.h"
#include "penstock/sdk/stderr_log.h"
