// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/dead_letters.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/dead_letters/dead_letter_query.h"
#include "bus/dead_letters/dead_letters_factory.h"
#include "bus/dead_letters/letter_headers.h"
#include "bus/dead_letters/rate_limiter.h"
#include "bus/dead_letters/stream_doubt.h"
#include "bus/publish/ack_waiter.h"
#include "bus/publish/topic_streams.h"
#include "naming/names.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/refusal.h"

namespace penstock {
namespace {

using eventbus::Transport;

std::string StreamOf(const BusOptions& options) { return DeadLetterStreamName(options.base_stream_name); }

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename Value>
const absl::Status& StatusOf(const absl::StatusOr<Value>& value) {
  return value.status();
}

// Asked again while there is no stream of dead letters, as a server that comes back can say.
template <typename Ask>
auto AskPatiently(const std::stop_token& stop, Ask ask) {
  constexpr std::chrono::milliseconds kPause(100);
  const auto deadline = std::chrono::steady_clock::now() + eventbus::StreamDoubt::kPatience;
  while (true) {
    auto answer = ask();
    const auto now = std::chrono::steady_clock::now();
    if (!eventbus::IsStreamMissing(StatusOf(answer)) || now >= deadline) return answer;
    if (!eventbus::WaitUntil(now + kPause, stop)) return answer;
  }
}

/// The receiver of letters.
struct LetterReader {
  std::function<void()> begin{};  ///< what was told before is void
  /// One that matches, by ascending ID, and how many messages of its topic are behind it. False: no more are wanted.
  std::function<bool(DeadLetter letter, std::uint64_t pending)> letter{};
};

// A request for each ID.
absl::Status ReadByIds(Transport& transport, const std::string& stream, const DeadLetterQuery& query,
                       std::uint64_t after_id, const LetterReader& reader) {
  const std::string subject = eventbus::LetterSubject(stream, query.topic.empty() ? ">" : query.topic);
  const eventbus::IdWalk walk(query, after_id);
  for (std::uint64_t id = walk.first(); id != 0;) {
    const auto message = transport.ReadMessage(stream, subject, id);
    if (!message.ok()) return message.status();
    id = walk.Next((*message)->stream_sequence() + 1);
    DeadLetter letter = eventbus::ReadLetter(**message, stream);
    if (eventbus::Matches(query, letter) && !reader.letter(std::move(letter), 0)) break;
  }
  return absl::OkStatus();
}

// Without bodies.
absl::Status ReadByHeaders(Transport& transport, const std::string& stream, const DeadLetterQuery& query,
                           std::uint64_t after_id, const LetterReader& reader) {
  const std::uint64_t first = eventbus::IdWalk(query, after_id).first();
  if (first == 0) return absl::OkStatus();
  const eventbus::HeaderReader headers{.begin = [&](std::uint64_t) { reader.begin(); },
                                       .message =
                                           [&](const StoredMessage& message) {
                                             if (query.last_id != 0 && message.stream_sequence() > query.last_id)
                                               return false;
                                             DeadLetter letter = eventbus::ReadLetter(message, stream);
                                             return !eventbus::Matches(query, letter) ||
                                                    reader.letter(std::move(letter), message.pending());
                                           }};
  return transport
      .ReadHeaders(stream, eventbus::LetterSubject(stream, query.topic.empty() ? ">" : query.topic), first, headers)
      .status();
}

absl::Status ForEach(const BusOptions& options, Transport& transport, const DeadLetterQuery& query,
                     std::uint64_t after_id, const std::stop_token& stop, const LetterReader& reader) {
  const std::string stream = StreamOf(options);
  absl::Status read = AskPatiently(stop, [&] {
    reader.begin();
    const auto how = query.ids.empty() ? &ReadByHeaders : &ReadByIds;
    return how(transport, stream, query, after_id, reader);
  });
  return absl::IsNotFound(read) ? absl::OkStatus() : read;
}

// The letter may name a false stream, and the stream may have been created again since.
void FetchBody(const BusOptions& options, Transport& transport, DeadLetter& letter) {
  if ((letter.body_omitted == 0 && letter.headers_omitted == 0) ||
      !eventbus::CheckTopic("", letter.topic, options.base_stream_name).ok())
    return;
  const auto original =
      transport.ReadMessage(StreamName(options.base_stream_name, letter.topic), letter.topic, letter.stream_sequence);
  if (!original.ok() || (*original)->stream_sequence() != letter.stream_sequence) return;
  if (eventbus::PercentDecode(eventbus::OriginalId(**original)) != letter.message_id) return;
  letter.body = std::string((*original)->payload());
  letter.body_omitted = 0;
  if (std::exchange(letter.headers_omitted, 0) != 0) letter.headers = eventbus::OriginalHeaders(**original);
}

// A message that another program published with less room than its redrive needs.
absl::Status CheckFits(const eventbus::OutboundMessage& redriven, std::size_t limit) {
  const std::size_t size = eventbus::SizeBytes(redriven);
  if (size <= limit) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("with the headers of a redrive it takes ", size, " bytes, the limit is ", limit,
                   "; its letter stays: raise max_payload of the server and max_msg_size of stream and redrive again"));
}

// Whether the next letter would only meet the same.
bool IsLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status);
}

}  // namespace

struct DeadLetters::Context {
  const BusOptions& options;
  eventbus::Transport& transport;
  eventbus::TopicStreams& streams;
};

DeadLetters::DeadLetters(std::unique_ptr<const Context> context) : context_(std::move(context)) {}
DeadLetters::~DeadLetters() = default;

std::unique_ptr<DeadLetters> eventbus::DeadLettersFactory::Make(const BusOptions& options, Transport& transport,
                                                                TopicStreams& streams) {
  auto context = std::make_unique<const DeadLetters::Context>(DeadLetters::Context{options, transport, streams});
  return std::unique_ptr<DeadLetters>(new DeadLetters(std::move(context)));
}

absl::StatusOr<LetterPage> DeadLetters::List(const DeadLetterQuery& query, const ListOptions& options) {
  constexpr std::string_view kWhat = "list dead letters";
  if (auto status = eventbus::CheckQuery(kWhat, query, context_->options.base_stream_name); !status.ok()) return status;
  if (auto status = eventbus::CheckOptions(options); !status.ok()) return status;
  LetterPage page;
  const LetterReader reader{.begin = [&] { page = {}; },
                            .letter =
                                [&](DeadLetter letter, std::uint64_t pending) {
                                  if (page.letters.size() == options.limit) return ++page.more, true;
                                  page.letters.push_back(std::move(letter));
                                  if (page.letters.size() < options.limit || !eventbus::MatchesAllBehind(query))
                                    return true;
                                  page.more = pending;
                                  return false;
                                }};
  const absl::Status read = ForEach(context_->options, context_->transport, query, options.after_id, {}, reader);
  if (!read.ok()) return eventbus::Prefixed(kWhat, read);
  if (absl::Status filled = FillBodies(page, options.bodies); !filled.ok()) return eventbus::Prefixed(kWhat, filled);
  return page;
}

// Those that were removed meanwhile are listed no more.
absl::Status DeadLetters::FillBodies(LetterPage& page, LetterBodies bodies) {
  std::vector<DeadLetter> filled;
  for (DeadLetter& letter : page.letters) {
    if (bodies == LetterBodies::kInclude) {
      auto whole = Get(letter.id);
      if (absl::IsNotFound(whole.status())) continue;
      if (!whole.ok()) return whole.status();
      letter = *std::move(whole);
    } else {
      letter.body.clear();
      letter.body_omitted = letter.headers_omitted = 0;
    }
    filled.push_back(std::move(letter));
  }
  page.letters = std::move(filled);
  return absl::OkStatus();
}

absl::StatusOr<DeadLetter> DeadLetters::Get(std::uint64_t id) {
  if (id == 0) return absl::InvalidArgumentError("get a dead letter: the ID is 0; IDs begin at 1");
  const std::string stream = StreamOf(context_->options);
  const auto message = AskPatiently(
      {}, [&] { return context_->transport.ReadMessage(stream, eventbus::LetterSubject(stream, ">"), id); });
  const bool found = message.ok() && (*message)->stream_sequence() == id;
  if (message.ok() ? !found : absl::IsNotFound(message.status())) {
    return absl::NotFoundError(absl::StrCat("get dead letter ", id, ": stream \"", stream,
                                            "\" does not have it; it was redriven and handled, or never was"));
  }
  if (!message.ok()) return eventbus::Prefixed(absl::StrCat("get dead letter ", id), message.status());
  DeadLetter letter = eventbus::ReadLetter(**message, stream);
  FetchBody(context_->options, context_->transport, letter);
  return letter;
}

/// One call of `Redrive`: first all letters that fit, without their bodies, then one after the other.
class DeadLetters::Round {
  struct Candidate {
    std::string topic{};
    std::string consumer{};
    std::uint64_t origin = 0;
    std::uint64_t id = 0;
    std::string key{};
    std::uint64_t redrives = 0;
    bool quarantined = false;

    auto Place() const { return std::tie(topic, consumer, origin, id); }
  };

 public:
  Round(DeadLetters& letters, const RedriveOptions& options)
      : letters_(letters), options_(options), limiter_(options.messages_per_second) {}

  absl::Status Collect(const DeadLetterQuery& query) {
    const LetterReader reader{.begin = [this] { candidates_.clear(); },
                              .letter =
                                  [this](DeadLetter letter, std::uint64_t) {
                                    Add(std::move(letter));
                                    return !options_.stop.stop_requested();
                                  }};
    const absl::Status read =
        ForEach(letters_.context_->options, letters_.context_->transport, query, 0, options_.stop, reader);
    std::ranges::sort(candidates_, {}, &Candidate::Place);
    report_.matched = candidates_.size();
    return read;
  }

  RedriveReport Run() {
    for (const Candidate& candidate : candidates_) {
      ++(report_.*Take(candidate));
      if (options_.progress) options_.progress(report_);
    }
    return std::move(report_);
  }

 private:
  void Add(DeadLetter letter) {
    candidates_.push_back({.topic = std::move(letter.topic),
                           .consumer = std::move(letter.consumer),
                           .origin = letter.origin_sequence,
                           .id = letter.id,
                           .key = std::move(letter.key),
                           .redrives = letter.redrive_count,
                           .quarantined = letter.error_class == error_class::kQuarantined});
  }

  using Count = std::size_t RedriveReport::*;

  using Key = std::tuple<std::string, std::string, std::string>;  // topic, consumer, aggregate ID

  // Redrives the candidate, or not; returns the number of the report in which it counts.
  Count Take(const Candidate& candidate) {
    if (over_ || options_.stop.stop_requested() || AtLimit()) return &RedriveReport::left;
    // One that follows another would only follow it again: back to the dead letters.
    if (candidate.quarantined && kept_.contains(KeyOf(candidate))) return &RedriveReport::held_back;
    Count count = &RedriveReport::skipped_loop_guard;
    if (candidate.redrives < options_.max_redrives) count = Send(candidate);
    const bool stays = count == &RedriveReport::skipped_loop_guard || count == &RedriveReport::failed;
    if (stays && !candidate.key.empty()) kept_.insert(KeyOf(candidate));
    return count;
  }

  static Key KeyOf(const Candidate& candidate) { return {candidate.topic, candidate.consumer, candidate.key}; }

  bool AtLimit() const { return options_.limit > 0 && report_.sent + report_.already_sent >= options_.limit; }

  Count Send(const Candidate& candidate) {
    if (options_.mode == RedriveMode::kDryRun) return &RedriveReport::sent;
    if (!eventbus::WaitUntil(limiter_.Take(std::chrono::steady_clock::now()), options_.stop))
      return &RedriveReport::left;
    const auto letter = letters_.Get(candidate.id);
    if (absl::IsNotFound(letter.status())) return &RedriveReport::gone;
    const auto ack = letter.ok() ? Publish(*letter) : absl::StatusOr<PubAck>(letter.status());
    if (ack.ok()) return ack->duplicate ? &RedriveReport::already_sent : &RedriveReport::sent;
    over_ = IsLost(ack.status());
    if (report_.first_error.ok()) {
      report_.first_error = eventbus::Prefixed(absl::StrCat("redrive dead letter ", candidate.id), ack.status());
    }
    return &RedriveReport::failed;
  }

  absl::StatusOr<PubAck> Publish(const DeadLetter& letter) {
    const std::string& base = letters_.context_->options.base_stream_name;
    if (auto status = eventbus::CheckTopic("its topic", letter.topic, base); !status.ok()) return status;
    if (auto status = eventbus::CheckName("consumer", letter.consumer); !status.ok()) return status;
    if (letter.body_omitted != 0 || letter.headers_omitted != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("its body was too large to be kept beside the failure history, and stream \"",
                       StreamName(base, letter.topic), "\" does not have it any more"));
    }
    const auto limit =
        letters_.context_->streams.Ensure(letter.topic, eventbus::Storage::kFile, eventbus::StreamAccess::kPublish);
    if (!limit.ok()) return limit.status();
    eventbus::OutboundMessage redriven = eventbus::MakeRedriven(letter, StreamOf(letters_.context_->options));
    if (auto status = CheckFits(redriven, *limit); !status.ok()) return status;
    return eventbus::AwaitAck([&](eventbus::PublishDone done) {
      return letters_.context_->transport.Publish(std::move(redriven), std::move(done));
    });
  }

  DeadLetters& letters_;
  const RedriveOptions& options_;
  eventbus::RateLimiter limiter_;
  std::vector<Candidate> candidates_{};
  std::set<Key> kept_{};  // keys with a letter that was not sent
  bool over_ = false;
  RedriveReport report_{};
};

absl::StatusOr<RedriveReport> DeadLetters::Redrive(const DeadLetterQuery& query, const RedriveOptions& options) {
  constexpr std::string_view kWhat = "redrive dead letters";
  if (eventbus::IsUnbounded(query)) {
    return absl::InvalidArgumentError(
        "redrive dead letters: the query is empty, which would redrive everything; say at least `.topic = ...`");
  }
  if (auto status = eventbus::CheckQuery(kWhat, query, context_->options.base_stream_name); !status.ok()) return status;
  if (auto status = eventbus::CheckOptions(options); !status.ok()) return status;
  Round round(*this, options);
  if (auto status = round.Collect(query); !status.ok()) return eventbus::Prefixed(kWhat, status);
  return round.Run();
}

}  // namespace penstock
