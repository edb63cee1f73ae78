// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/wire.h"

#include "jetstream/io/direct_wire.h"
#include "jetstream/io/library_wire.h"

namespace penstock::eventbus::jetstream {

std::unique_ptr<Wire> Wire::Make(bool encrypted) {
  if (encrypted) return std::make_unique<LibraryWire>();
  return std::make_unique<DirectWire>();
}

}  // namespace penstock::eventbus::jetstream
