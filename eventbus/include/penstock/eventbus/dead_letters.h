// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/options.h"

namespace penstock {

namespace eventbus {
class DeadLettersFactory;
}  // namespace eventbus

/// Why a message became a dead letter.
namespace error_class {
inline constexpr std::string_view kExhausted = "exhausted";  ///< its attempts were used up
inline constexpr std::string_view kThrew = "threw";          ///< as `exhausted`, and the last attempt threw
inline constexpr std::string_view kRejected = "rejected";    ///< the handler returned `Reject`
/// Its body is no envelope, or its aggregate ID differs from that in the header.
inline constexpr std::string_view kUndecodable = "undecodable";
inline constexpr std::string_view kTimedOut = "timed_out";       ///< as `kExhausted`, and the last one took too long
inline constexpr std::string_view kExpired = "expired";          ///< not handled: it was too old
inline constexpr std::string_view kQuarantined = "quarantined";  ///< not handled: its key has an earlier dead letter
/// Of a `Result`, never of a dead letter: it was cancelled (`EventBus::Cancel`).
inline constexpr std::string_view kCancelled = "cancelled";
}  // namespace error_class

/// One message that was given up, and its failure history. Fields that the letter does not have are empty, 0 or the
/// epoch.
struct DeadLetter {
  std::uint64_t id = 0;       ///< its sequence in the stream of dead letters
  std::string topic{};        ///< where it was published, and is redriven to
  std::string key{};          ///< its aggregate ID
  std::string error_class{};  ///< see `penstock::error_class`
  std::string error{};        ///< what the handler, the exception or the decoder said: one line of up to 1,024 bytes
  std::uint64_t attempts = 0;
  std::chrono::system_clock::time_point first_failed_at{};
  std::chrono::system_clock::time_point last_failed_at{};  ///< if it was quarantined untried: when the letter was made
  std::chrono::system_clock::time_point stored_at{};       ///< when the letter was stored
  std::string stream{};                                    ///< the topic's stream
  std::uint64_t stream_sequence = 0;                       ///< its sequence in that stream when it was given up
  std::uint64_t origin_sequence = 0;  ///< its first sequence in that stream; redriving does not change it
  std::string consumer{};             ///< the durable that gave it up
  std::string handler{};
  std::string host{};
  std::uint64_t redrive_count = 0;  ///< how often it had been redriven when it was given up
  std::string message_id{};         ///< that of the original message
  /// The original body. A body too large to be stored with the failure history is read from the topic's stream. If it
  /// is no longer there, `body` is empty and `body_omitted` is set.
  std::string body{};
  std::size_t body_omitted = 0;  ///< size of the missing body; 0: the body is complete, or was not requested
  /// Size of the missing headers. Headers too large to be stored are read from the topic's stream, as a body is. 0:
  /// `headers` is complete, or bodies were not requested.
  std::size_t headers_omitted = 0;
  Headers headers{};  ///< those of the original message, without `Nats-` headers and failure history
};

/// Selects the dead letters that match every field that is set.
struct DeadLetterQuery {
  std::string topic{};
  std::string consumer{};            ///< the durable that gave it up
  std::string key{};                 ///< aggregate ID
  std::string error_class{};         ///< one of `penstock::error_class`
  std::vector<std::uint64_t> ids{};  ///< at most 10,000, above 0
  std::uint64_t first_id = 0;        ///< from this one on; 0: no bound
  std::uint64_t last_id = 0;         ///< up to and including this one; 0: no bound
  /// Last failure at or after `failed_from`, before `failed_to`.
  std::optional<std::chrono::system_clock::time_point> failed_from{};
  std::optional<std::chrono::system_clock::time_point> failed_to{};
};

enum class LetterBodies { kOmit, kInclude };

struct ListOptions {
  std::size_t limit = 100;     ///< the most letters in the result. Range 1 to 10,000.
  std::uint64_t after_id = 0;  ///< the last ID of the previous page
  LetterBodies bodies = LetterBodies::kOmit;
};

/// The result of `DeadLetters::List`.
struct LetterPage {
  std::vector<DeadLetter> letters{};  ///< by ascending ID, at most `limit`
  std::uint64_t more = 0;             ///< further letters that match, as of the call
};

struct RedriveReport;

enum class RedriveMode {
  kDryRun,  ///< sends nothing and reports what would be done
  kSend,
};

struct RedriveOptions {
  RedriveMode mode = RedriveMode::kSend;
  /// The highest rate, to leave room for the handlers' other work. 0: as fast as PubAcks arrive. Range 0, or 0.01 to
  /// 1,000,000.
  double messages_per_second = 0;
  /// Letters already redriven this often are skipped, so that a message that always fails is not redriven for ever.
  /// Range 1 to 1,000,000.
  std::uint64_t max_redrives = 3;
  /// Sends at most this many messages, the first ones in order. 0: no bound.
  std::size_t limit = 0;
  std::stop_token stop{};  ///< ends the call after the message that is being sent
  /// Called after every letter, on the caller's thread, with the report so far. May be empty.
  std::function<void(const RedriveReport& so_far)> progress{};
};

/// The result of a redrive; for a dry run, the expected result. `matched` is the sum of the other numbers.
struct RedriveReport {
  std::size_t matched = 0;             ///< letters that match the query
  std::size_t sent = 0;                ///< stored in their topic's stream
  std::size_t already_sent = 0;        ///< the same letter was redriven within the stream's duplicate window
  std::size_t skipped_loop_guard = 0;  ///< redriven `max_redrives` times before
  std::size_t held_back = 0;           ///< quarantined behind an earlier letter of their key that was not sent
  std::size_t gone = 0;                ///< removed meanwhile, after an earlier redrive
  std::size_t failed = 0;
  std::size_t left = 0;        ///< not tried: beyond `limit`, stopped, or the connection was lost
  absl::Status first_error{};  ///< the first error of a failed letter; OK if none failed
};

/// The messages that subscriptions gave up, in the stream `{base}_dead_letters`: to look at, and to send again once the
/// cause is fixed. Obtained from `EventBus::dead_letters()`; any process with the same `base_stream_name` sees the
/// same letters.
///
/// **Thread safety:** thread-safe. **Ownership:** part of its bus.
/// **Blocking:** `List` and `Redrive` read the headers of all letters that may match, with a request per thousand
/// letters (about a second for 100,000), and one more per letter that is listed with its body, asked for by ID or sent.
/// A server that reports no stream of dead letters is asked again for 3 s: just after a restart the report can be
/// wrong. Must not be called from a callback of the bus, and should not be called from a handler. Returns
/// `kFailedPrecondition` when the bus is closed.
/// **Ordering:** letters are listed in the order they were stored. Per topic and consumer they are redriven by
/// `origin_sequence`, the order in which the messages first came.
class DeadLetters {
 public:
  ~DeadLetters();
  DeadLetters(const DeadLetters&) = delete;
  DeadLetters& operator=(const DeadLetters&) = delete;

  /// A page of letters that match the query, and how many more there are. `kInvalidArgument` naming the field that
  /// breaks its rule.
  absl::StatusOr<LetterPage> List(const DeadLetterQuery& query = {}, const ListOptions& options = {});

  /// One letter, with its body. `kNotFound` when there is no letter of that ID (any more).
  absl::StatusOr<DeadLetter> Get(std::uint64_t id);

  /// Publishes letters to their topics again, for the consumer that gave them up; other durables of the topic
  /// acknowledge them without handling them. A letter is kept until that consumer has handled the message or given it
  /// up again, which makes a new letter; it is removed before the message is acknowledged. So an interrupted redrive
  /// loses nothing and may be repeated. A quarantined key continues when all its letters were handled. Redriven
  /// messages wait until the consumer subscribes. `kInvalidArgument` for a field that breaks its rule, and for a query
  /// without any field; errors of single letters are in the report.
  absl::StatusOr<RedriveReport> Redrive(const DeadLetterQuery& query, const RedriveOptions& options = {});

 private:
  friend class eventbus::DeadLettersFactory;
  struct Context;
  class Round;

  explicit DeadLetters(std::unique_ptr<const Context> context);
  absl::Status FillBodies(LetterPage& page, LetterBodies bodies);

  const std::unique_ptr<const Context> context_;
};

}  // namespace penstock
