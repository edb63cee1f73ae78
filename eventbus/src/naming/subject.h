// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace penstock::eventbus {

/// Whether `pattern`, which may have the wildcards `*` (one token) and `>` (one or more, at the end), takes `subject`,
/// which has none. An empty pattern takes everything.
bool SubjectMatches(std::string_view pattern, std::string_view subject);

/// Whether some subject is taken by both patterns. An empty pattern takes everything.
bool SubjectsOverlap(std::string_view left, std::string_view right);

/// Whether `pattern` takes every subject that `part` takes. Both may have wildcards; neither is empty.
bool SubjectCovers(std::string_view pattern, std::string_view part);

/// Whether `pattern` has a wildcard token or is empty, and thus may take more than one subject.
bool HasWildcard(std::string_view pattern);

}  // namespace penstock::eventbus
