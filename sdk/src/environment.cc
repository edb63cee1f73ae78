// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "environment_variables.h"
#include "escape_controls.h"

namespace penstock {
namespace {

constexpr std::string_view kPrefix = "PENSTOCK_";

/// Options as variables change them, one after the other.
class Overrides {
 public:
  explicit Overrides(ServiceOptions options) : options_(std::move(options)) {}

  absl::Status Apply(std::string_view name, std::string_view value) {
    const std::string where = absl::StrCat("read environment: \"", EscapeControls(name), "\"");
    const auto variable = std::ranges::find(Variables(), name.substr(kPrefix.size()), &Variable::name);
    if (variable == Variables().end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": unknown variable; the nearest name is \"", std::string(kPrefix),
                       std::string(NearestName(name.substr(kPrefix.size()))), "\"; correct it or unset it"));
    }
    const auto [set, first] = set_by_.emplace(variable->option, name);
    if (!first && set->second != name) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": sets the same option as \"", std::string(set->second), "\"; unset one of them"));
    }
    if (variable->set(options_, value)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(where, ": wrong value; expected ", variable->expected));
  }

  ServiceOptions Take() { return std::move(options_); }

 private:
  ServiceOptions options_;
  std::map<std::string_view, std::string_view> set_by_{};  // variables, by option
};

}  // namespace

absl::StatusOr<ServiceOptions> ApplyEnvironment(ServiceOptions options, const char* const* environment) {
  Overrides overrides(std::move(options));
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const std::string_view name = entry.substr(0, entry.find('='));
    if (!name.starts_with(kPrefix)) continue;
    const std::string_view value = entry.substr(std::min(entry.size(), name.size() + 1));
    if (absl::Status status = overrides.Apply(name, value); !status.ok()) return status;
  }
  return overrides.Take();
}

absl::StatusOr<ServiceOptions> ServiceOptions::FromEnvironment(ServiceOptions defaults) {
  return ApplyEnvironment(std::move(defaults), environ);
}

}  // namespace penstock
