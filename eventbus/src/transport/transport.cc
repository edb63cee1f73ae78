// SPDX-License-Identifier: Apache-2.0
#include "transport/transport.h"

#include "naming/names.h"

namespace penstock::eventbus {

std::string_view StorageName(Storage storage) { return storage == Storage::kMemory ? "memory" : "file"; }

std::size_t SizeBytes(const OutboundMessage& message) {
  constexpr std::size_t kLineOverhead = 4;    // ": " and CR LF
  constexpr std::size_t kBlockOverhead = 12;  // "NATS/1.0" CR LF and the empty line
  std::size_t size =
      message.body.size() + kBlockOverhead + header::kMessageId.size() + message.message_id.size() + kLineOverhead;
  for (const auto& [name, value] : message.reserved_headers) size += name.size() + value.size() + kLineOverhead;
  for (const auto& [name, value] : message.headers) size += name.size() + value.size() + kLineOverhead;
  return size;
}

}  // namespace penstock::eventbus
