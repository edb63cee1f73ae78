// SPDX-License-Identifier: Apache-2.0
// Times in envelopes and in replies of JetStream's API.
#include <string>

#include "fuzz_target.h"
#include "naming/timestamp.h"

namespace penstock::eventbus {
namespace {

using fuzz::Require;

void CheckTime(std::string_view text) {
  const auto time = ParseTimestamp(text);
  if (time) {
    Require(IsTimestampInRange(*time), "a time that was read is one that an envelope can carry");
    Require(ParseTimestamp(FormatTimestamp(*time)) == time, "what is written from a time reads the same");
  }
}

}  // namespace
}  // namespace penstock::eventbus

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::CheckTime(penstock::fuzz::TextOf(data, size));
  return 0;
}
