// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/typed_handlers.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "naming/first_error.h"
#include "naming/names.h"

namespace penstock {
namespace {

constexpr std::size_t kMostTypeBytes = 256;

std::string About(std::string_view type) { return absl::StrCat("typed handlers: ", eventbus::Quoted(type), ": "); }

bool Overlap(const EventVersions& a, const EventVersions& b) { return a.first <= b.last && b.first <= a.last; }

Outcome Unknown(UnknownEvent fate, const Envelope& envelope) {
  if (fate == UnknownEvent::kAcknowledge) return Ack();
  std::string reason = absl::StrCat("no handler for events of type ", eventbus::Quoted(envelope.event_type),
                                    " version ", envelope.event_version);
  return fate == UnknownEvent::kRetry ? Retry(std::move(reason)) : Reject(std::move(reason));
}

}  // namespace

Outcome TypedHandlers::Unreadable(std::string_view type, const absl::Status& why) {
  return Reject(absl::StrCat("the payload is no ", eventbus::Quoted(type), ": ", std::string(why.message())));
}

TypedHandlers& TypedHandlers::Add(std::string type, std::string content_type, EventVersions versions, Handler handle) {
  entries_.push_back({std::move(type), std::move(content_type), versions, std::move(handle)});
  return *this;
}

absl::StatusOr<TypedHandlers::Handler> TypedHandlers::Build() const {
  if (entries_.empty()) return absl::InvalidArgumentError("typed handlers: there is none; call On for each event type");
  absl::flat_hash_map<std::string, std::vector<Entry>> by_type;
  for (const Entry& entry : entries_) {
    if (auto status = eventbus::CheckVisibleAscii("typed handlers: event type", entry.type, kMostTypeBytes,
                                                  eventbus::Presence::kRequired);
        !status.ok()) {
      return status;
    }
    const EventVersions& versions = entry.versions;
    if (versions.first < 1 || versions.last < versions.first) {
      return absl::InvalidArgumentError(
          absl::StrCat(About(entry.type), "versions ", versions.first, " to ", versions.last, " are no range above 0"));
    }
    if (!entry.handle) return absl::InvalidArgumentError(About(entry.type) + "the handler is an empty function");
    std::vector<Entry>& others = by_type[entry.type];
    for (const Entry& other : others) {
      if (Overlap(other.versions, versions))
        return absl::InvalidArgumentError(About(entry.type) + "has two handlers for one version");
    }
    others.push_back(entry);
  }
  return [by_type = std::move(by_type), unknown = unknown_](const Envelope& envelope, const Delivery& delivery) {
    const auto found = by_type.find(envelope.event_type);
    if (found == by_type.end()) return Unknown(unknown, envelope);
    for (const Entry& entry : found->second) {
      if (envelope.event_version < entry.versions.first || envelope.event_version > entry.versions.last) continue;
      if (!envelope.content_type.empty() && envelope.content_type != entry.content_type) {
        return Unreadable(envelope.event_type,
                          absl::InvalidArgumentError(absl::StrCat("its content type is ", envelope.content_type,
                                                                  ", not ", entry.content_type)));
      }
      return entry.handle(envelope, delivery);
    }
    return Unknown(unknown, envelope);
  };
}

}  // namespace penstock
