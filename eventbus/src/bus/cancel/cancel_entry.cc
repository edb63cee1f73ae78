// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/cancel_entry.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace penstock::eventbus {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<CancelState, const char*>, 4> kStates = {{
    {CancelState::kRequested, "requested"},
    {CancelState::kQueued, "queued"},
    {CancelState::kRunning, "running"},
    {CancelState::kFinished, "finished"},
}};

}  // namespace

std::string WrittenCancel(CancelState state) {
  const auto* const found = std::ranges::find(kStates, state, &std::pair<CancelState, const char*>::first);
  return Json{{"state", found->second}}.dump();
}

std::optional<CancelState> ReadCancel(std::string_view written) {
  const Json value = Json::parse(written, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object() || !value.contains("state")) return std::nullopt;
  for (const auto& [state, name] : kStates) {
    if (value["state"] == name) return state;
  }
  return std::nullopt;
}

}  // namespace penstock::eventbus
