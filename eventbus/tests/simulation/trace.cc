// SPDX-License-Identifier: Apache-2.0
#include "simulation/trace.h"

#include <array>
#include <cstdio>

namespace penstock::eventbus::simulation {

std::string VirtualTime(TimePoint at) {
  const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(at - EventQueue().now()).count();
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%lld.%06lld s", static_cast<long long>(passed / 1'000'000),
                static_cast<long long>(passed % 1'000'000));
  return text.data();
}

void Trace::Print(const Step& step, std::ostream& out) {
  out << "  " << VirtualTime(step.at) << "  " << step.what;
  if (step.subject != 0) out << ' ' << step.subject;
  if (step.detail != nullptr) out << ", " << step.detail << ' ' << step.value;
  out << '\n';
}

}  // namespace penstock::eventbus::simulation
