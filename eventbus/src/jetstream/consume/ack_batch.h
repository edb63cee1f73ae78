// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// The body that is published to a delivery's reply subject; ends with a zero.
std::string_view AckBody(AckType type);

/// Orders them by the sequences of their messages. The server looks up what it noted of each delivery when it made it:
/// in that order it finds that in its caches, which is a tenth of a microsecond for each (docs/lab.md).
void SortByStreamSequence(std::span<Acknowledgement> acks);

}  // namespace penstock::eventbus::jetstream
