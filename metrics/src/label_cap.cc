// SPDX-License-Identifier: Apache-2.0
#include "label_cap.h"

namespace penstock::metrics {

bool LabelCap::Admit(const std::string& name) {
  if (admitted_.contains(name)) return true;
  if (admitted_.size() >= capacity_) return false;
  admitted_.insert(name);
  return true;
}

}  // namespace penstock::metrics
