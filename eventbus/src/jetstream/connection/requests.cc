// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/requests.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/message/encoded_publish.h"
#include "jetstream/message/status_message.h"
#include "naming/decimal.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr int kNoResponders = 503;

absl::Status DeniedStatus(std::string_view what, std::string_view subject) {
  return absl::PermissionDeniedError(
      absl::StrCat(std::string(what), Quoted(subject), ": the server refuses it; check the permissions of this user"));
}

}  // namespace

Requests::Requests(IoLoop& loop, std::string inbox) : loop_(loop), inbox_(std::move(inbox)) {}

void Requests::Subscribe() { subscription_ = loop_.Subscribe(absl::StrCat(inbox_, ".*"), *this); }

Requests::~Requests() { loop_.Unsubscribe(subscription_, *this); }

absl::StatusOr<MessageHandle> Requests::Ask(Publication question, Clock::time_point deadline,
                                            const std::stop_token& stop, std::chrono::milliseconds again) {
  std::uint64_t number = 0;
  {
    MutexLock lock(mutex_);
    if (inbox_denied_) return DeniedStatus("subscribe to ", absl::StrCat(inbox_, ".*"));
    number = ++last_;
    questions_.emplace(number, Question{.subject = question.subject});
  }
  const std::string reply = absl::StrCat(inbox_, ".", number);
  question.reply = reply;
  const IoLoop::LowLatencyScope waiting(loop_);
  absl::Status sent = loop_.Publish({&question, 1});
  while (sent.ok() && again.count() > 0 && Clock::now() + again < deadline &&
         !AwaitOver(number, Clock::now() + again, stop)) {
    sent = loop_.Publish({&question, 1});
  }
  absl::StatusOr<MessageHandle> result = sent.ok() ? Await(number, deadline, stop) : sent;
  MutexLock lock(mutex_);
  questions_.erase(number);
  return result;
}

// Whether nothing is to be waited for any more.
bool Requests::AwaitOver(std::uint64_t number, Clock::time_point until, const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  MutexLock lock(mutex_);
  const auto over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return questions_.at(number).over || stop.stop_requested() || loop_.over();
  };
  bool in_time = true;
  while (!over() && in_time) in_time = changed_.WaitUntil(lock, until);
  return over();
}

absl::StatusOr<MessageHandle> Requests::Await(std::uint64_t number, Clock::time_point deadline,
                                              const std::stop_token& stop) {
  AwaitOver(number, deadline, stop);
  MutexLock lock(mutex_);
  Question& question = questions_.at(number);
  if (question.over && !question.failure.ok()) return question.failure;
  if (question.over) return std::move(question.answer);
  if (stop.stop_requested()) return absl::CancelledError("request: the caller is being stopped");
  if (loop_.over()) return absl::UnavailableError("request: the connection was lost; it is being remade");
  return absl::DeadlineExceededError("request: no answer in time; check that the server runs and can be reached");
}

void Requests::Denied(std::string_view subject) {
  MutexLock lock(mutex_);
  const bool ours = subject == absl::StrCat(inbox_, ".*");
  inbox_denied_ = inbox_denied_ || ours;
  for (auto& [number, question] : questions_) {
    if (!ours && question.subject != subject) continue;
    question.over = true;
    question.failure = DeniedStatus(ours ? "subscribe to " : "publish to ", subject);
  }
  changed_.NotifyAll();
}

bool Requests::denied() {
  MutexLock lock(mutex_);
  return inbox_denied_;
}

void Requests::Ended() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void Requests::OnMessage(MessageHandle message) { arrived_.push_back(std::move(message)); }

void Requests::OnReadable() {
  if (arrived_.empty()) return;
  MutexLock lock(mutex_);
  for (MessageHandle& message : arrived_) {
    std::string_view number = message->subject();
    if (number.size() <= inbox_.size()) continue;
    number.remove_prefix(inbox_.size() + 1);
    Answer(number, std::move(message));
  }
  arrived_.clear();
  changed_.NotifyAll();
}

void Requests::Answer(std::string_view number, MessageHandle message) {
  const auto question = questions_.find(ParseDecimal<std::uint64_t>(number).value_or(0));
  if (question == questions_.end() || question->second.over) return;
  question->second.over = true;
  const std::optional<StatusMessage> status = ReadStatus(*message);
  if (status && status->code == kNoResponders) {
    question->second.failure = absl::UnavailableError(
        "request: no responders available for request; check that JetStream is enabled on the server");
  } else {
    question->second.answer = std::move(message);
  }
}

}  // namespace penstock::eventbus::jetstream
