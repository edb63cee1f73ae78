// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/link.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/protocol/unique_name.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus::jetstream {
std::string_view DeniedSubject(std::string_view text) {
  if (text.find("ermissions ") == std::string_view::npos) return {};
  const std::size_t open = text.find('"');
  const std::size_t close = text.find('"', open == std::string_view::npos ? open : open + 1);
  return close == std::string_view::npos ? std::string_view{} : text.substr(open + 1, close - open - 1);
}

absl::StatusOr<std::shared_ptr<Link>> Link::Establish(IoThreads& threads, Plan plan, const WaitLimit& limit) {
  absl::StatusOr<SessionRelay> relay = SessionRelay::Listen(plan.info.line_for_library, plan.identity);
  if (!relay.ok()) return relay.status();
  const int relay_port = relay->port();
  const std::string admission = relay->admission();
  std::shared_ptr<Link> link(new Link(plan));
  absl::StatusOr<std::unique_ptr<IoLoop>> loop =
      IoLoop::Create(threads, std::move(plan.stream), plan.first_bytes, *std::move(relay), limit,
                     {.ended = [raw = link.get()] { raw->OnEnded(); },
                      .error = [raw = link.get()](std::string_view text) { raw->OnError(text); },
                      .info = [raw = link.get()](const ServerInfo& info) { raw->OnInfo(info); }});
  if (!loop.ok()) return loop.status();
  link->loop_ = *std::move(loop);
  link->requests_ = std::make_unique<Requests>(*link->loop_, UniqueInbox(plan.inbox_prefix));
  if (absl::Status opened = link->Open(relay_port, admission, plan, limit); !opened.ok()) return opened;
  return link;
}

Link::Link(const Plan& plan)
    : events_(plan.events), generation_(plan.generation), max_payload_bytes_(plan.info.max_payload_bytes) {}

Link::~Link() { Close(); }

// The server's words and what broke the connection say more than what the library makes of them.
absl::Status Link::Open(int relay_port, const std::string& admission, const Plan& plan, const WaitLimit& limit) {
  loop_->Start();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit.deadline - Clock::now());
  absl::StatusOr<NatsSession> session = OpenSession(relay_port, admission, plan.credentials_file, left);
  if (session.ok()) {
    session_ = *std::move(session);
    requests_->Subscribe();
    return absl::OkStatus();
  }
  const bool broken = loop_->over();
  loop_->Stop();
  const bool refused = absl::IsUnauthenticated(session.status()) || absl::IsInvalidArgument(session.status());
  return broken && !refused ? loop_->fault() : session.status();
}

absl::Status Link::Publish(std::span<const Publication> publications) {
  absl::Status fits = CheckSizes(publications);
  return fits.ok() ? loop_->Publish(publications) : fits;
}

absl::Status Link::CheckSizes(std::span<const Publication> publications) const {
  const std::size_t most = max_payload_bytes();
  const auto large = std::ranges::find_if(
      publications, [most](const Publication& each) { return each.headers.size() + each.body.size() > most; });
  if (large == publications.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("publish to ", Quoted(large->subject), ": ", large->headers.size() + large->body.size(),
                   " bytes are over the server's limit of ", most, "; send less, or raise max_payload on the server"));
}

void Link::OnError(std::string_view text) {
  const std::string_view subject = DeniedSubject(text);
  if (!subject.empty()) requests_->Denied(subject);
  if (events_.error) events_.error(text);
}

void Link::OnInfo(const ServerInfo& info) {
  max_payload_bytes_.store(info.max_payload_bytes, std::memory_order_relaxed);
  if (events_.info) events_.info(info);
}

void Link::OnEnded() {
  if (requests_ != nullptr) requests_->Ended();  // a first byte can end it before there are any
  if (events_.ended) events_.ended();
}

void Link::Close(std::chrono::milliseconds flush) {
  if (loop_ == nullptr) return;
  if (usable() && loop_->has_queued() && flush.count() > 0) loop_->Ping(DeadlineAfter(flush));
  loop_->Stop();
}

}  // namespace penstock::eventbus::jetstream
