// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "penstock/eventbus/dead_letters.h"

// How letters and reports are written: as lines for people, and as JSON, one object without line ends.
namespace penstock::tool {

enum class Format { kText, kJson };

/// One line, without the body.
std::string LineOf(const DeadLetter& letter, Format format);

/// How many are listed and how many more there are.
std::string SummaryOf(const LetterPage& page, Format format);

/// The whole letter: history, headers, the envelope's fields when the body is one, the body as text, or as Base64 when
/// it is no text.
std::string WholeOf(const DeadLetter& letter, Format format);

/// The numbers of a redrive that are not 0, and its first error.
std::string TextOf(const RedriveReport& report, RedriveMode mode, Format format);

/// Whether all that matched was sent, or would be.
bool IsDone(const RedriveReport& report, const RedriveOptions& options);

}  // namespace penstock::tool
