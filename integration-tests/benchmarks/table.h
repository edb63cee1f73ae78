// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "benchmarks/report.h"

namespace penstock::bench {

/// One line about where the figures come from.
std::string Heading(const Report& report);

/// Aligned columns, a line a row, and below them why peers are absent or failed.
std::string ToText(const std::vector<RowResult>& rows);

/// The same as a Markdown table.
std::string ToMarkdown(const std::vector<RowResult>& rows);

/// The heading and every table of the report.
std::string ToText(const Report& report);
std::string ToMarkdown(const Report& report);

}  // namespace penstock::bench
