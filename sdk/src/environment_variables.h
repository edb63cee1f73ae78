// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/sdk/service.h"

namespace penstock {

/// A variable of the environment that sets an option.
struct Variable {
  std::string_view name{};    ///< after `PENSTOCK_`
  std::string_view option{};  ///< the field of `ServiceOptions`; two variables of one option exclude each other
  std::string expected{};     ///< its values, for errors and docs/operations.md
  /// False when it is none of these.
  std::function<bool(ServiceOptions& options, std::string_view value)> set{};
};

/// All of them; docs/operations.md has them as a table, which a test compares.
const std::vector<Variable>& Variables();

/// The name of a variable that is the most like `name`: the first one that begins with it, or else by the letters that
/// have to be changed.
std::string_view NearestName(std::string_view name);

}  // namespace penstock
