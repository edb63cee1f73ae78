// SPDX-License-Identifier: Apache-2.0
#include "transport/transport.h"

#include <functional>

namespace penstock::eventbus {

std::string_view StorageName(Storage storage) { return storage == Storage::kMemory ? "memory" : "file"; }

std::size_t SizeBytes(const OutboundMessage& message) {
  std::size_t size = message.body.size() + kHeaderBlockBytes + HeaderFieldBytes(header::kMessageId, message.message_id);
  for (const auto& [name, value] : message.reserved_headers) size += HeaderFieldBytes(name, value);
  for (const auto& [name, value] : message.headers) size += HeaderFieldBytes(name, value);
  return size;
}

std::uint64_t OrderKeyOf(std::string_view aggregate_id) {
  return aggregate_id.empty() ? 0 : std::hash<std::string_view>{}(aggregate_id) | 1;
}

}  // namespace penstock::eventbus
