// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "arguments.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::tool {

/// Does what `arguments` ask for and writes it to standard output. Returns the exit code: 0 done, 1 some failed, 2
/// wrong use. Blocks until it is done.
int RunDlq(EventBus& bus, const Arguments& arguments);

}  // namespace penstock::tool
