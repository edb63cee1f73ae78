// SPDX-License-Identifier: Apache-2.0
#include "penstock/sdk/stderr_log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cstddef>
#include <memory>

#include "escape_controls.h"

namespace penstock {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  constexpr std::array kLevels = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
  return kLevels[static_cast<std::size_t>(level)];
}

}  // namespace

LogSink MakeStderrLog(LogLevel minimum) {
  auto logger = std::make_shared<spdlog::logger>("penstock", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  logger->set_level(LevelOf(minimum));
  return [logger](LogLevel level, std::string_view line) {
    if (logger->should_log(LevelOf(level))) logger->log(LevelOf(level), EscapeControls(line));
  };
}

}  // namespace penstock
