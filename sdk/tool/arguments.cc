// SPDX-License-Identifier: Apache-2.0
#include "arguments.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace penstock::tool {
namespace {

using TimePoint = std::chrono::system_clock::time_point;

struct Times {
  std::string since{};
  std::string until{};
};

std::optional<TimePoint> ReadTime(const std::string& text) {
  absl::Time time;
  std::string error;
  if (text.empty() || !absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return std::nullopt;
  return absl::ToChronoTime(time);
}

std::string CheckTime(const std::string& text) {
  return ReadTime(text) ? "" : "is no time as in 2026-11-30T12:00:00Z: " + text;
}

void DeclareFilters(CLI::App& verb, Arguments& arguments, Times& times) {
  DeadLetterQuery& query = arguments.query;
  verb.add_option("--topic", query.topic, "Letters of this topic");
  verb.add_option("--consumer", query.consumer, "Letters that this durable gave up");
  verb.add_option("--key", query.key, "Letters of this aggregate ID");
  verb.add_option("--error-class", query.error_class,
                  "exhausted, threw, rejected, undecodable, timed_out, expired or quarantined");
  verb.add_option("--from-id", query.first_id, "Letters from this ID on")->check(CLI::NonNegativeNumber);
  verb.add_option("--to-id", query.last_id, "Letters up to this ID")->check(CLI::NonNegativeNumber);
  verb.add_option("--since", times.since, "Last failure at or after this time (RFC 3339)")->check(CheckTime);
  verb.add_option("--until", times.until, "Last failure before this time (RFC 3339)")->check(CheckTime);
  verb.add_option("id", query.ids, "IDs of letters")->check(CLI::NonNegativeNumber);
}

void DeclareList(CLI::App& verb, Arguments& arguments, Times& times) {
  DeclareFilters(verb, arguments, times);
  verb.add_option("--limit", arguments.list.limit, "List at most so many")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb.add_option("--after-id", arguments.list.after_id, "Begin behind this ID: the next page")
      ->check(CLI::NonNegativeNumber);
}

void DeclareRedrive(CLI::App& verb, Arguments& arguments, Times& times) {
  DeclareFilters(verb, arguments, times);
  RedriveOptions& redrive = arguments.redrive;
  verb.add_flag_callback(
      "--dry-run", [&redrive] { redrive.mode = RedriveMode::kDryRun; }, "Send nothing; say what would be done");
  verb.add_option("--limit", redrive.limit, "Send at most so many; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb.add_option("--rate", redrive.messages_per_second, "Messages a second; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb.add_option("--max-redrives", redrive.max_redrives, "Skip letters that were redriven so often")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void DeclareCommon(CLI::App& app, Arguments& arguments) {
  app.add_option("--server", arguments.server, "URL of the server; without it PENSTOCK_URL");
  app.add_option("--base-stream", arguments.base_stream_name, "Prefix of the stream names; without it EVENTS");
  app.add_flag("--json", arguments.json, "One JSON object per line");
}

}  // namespace

absl::StatusOr<Arguments> ReadArguments(int argc, const char* const* argv) {
  Arguments arguments;
  Times times;
  CLI::App app("Looks at the dead letters of Penstock and sends them again.", "penstock");
  app.require_subcommand(1);
  app.footer(
      "The connection is that of a service: PENSTOCK_* variables of the environment.\n"
      "Exit codes: 0 done, 1 some failed, 2 wrong use.");
  CLI::App* const dlq = app.add_subcommand("dlq", "Dead letters");
  dlq->require_subcommand(1);
  CLI::App* const list = dlq->add_subcommand("list", "List letters, and say how many more there are");
  CLI::App* const show = dlq->add_subcommand("show", "Show a letter whole");
  CLI::App* const redrive = dlq->add_subcommand("redrive", "Send letters to their topics again, in order");
  for (CLI::App* const verb : {list, show, redrive}) DeclareCommon(*verb, arguments);
  DeclareList(*list, arguments, times);
  DeclareRedrive(*redrive, arguments, times);
  show->add_option("id", arguments.id, "ID of the letter")->check(CLI::NonNegativeNumber)->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    std::ostringstream out;
    app.exit(asked, out, out);
    arguments.help = out.str();
    return arguments;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat("penstock: ", error.what(), "; see penstock dlq --help"));
  }
  arguments.query.failed_from = ReadTime(times.since);
  arguments.query.failed_to = ReadTime(times.until);
  arguments.verb = list->parsed()   ? Arguments::Verb::kList
                   : show->parsed() ? Arguments::Verb::kShow
                                    : Arguments::Verb::kRedrive;
  return arguments;
}

}  // namespace penstock::tool
