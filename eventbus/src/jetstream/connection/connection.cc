// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/connection.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/socket/resolve.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::milliseconds kLongestAttempt(3000);
constexpr std::chrono::milliseconds kFirstConnectInterval(100);
constexpr std::size_t kMaxErrors = 64;

// Trying again soon would not help.
bool IsRefusal(const absl::Status& status) { return !absl::IsUnavailable(status) && !absl::IsCancelled(status); }

}  // namespace

absl::StatusOr<std::shared_ptr<Connection>> Connection::Open(const BusOptions& options, Clock::time_point deadline,
                                                             const std::stop_token& stop) {
  FileDescriptor cancel(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!cancel.valid()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("connect: ", std::generic_category().message(errno), "; raise the limit of open files"));
  }
  std::shared_ptr<Connection> connection(new Connection(options, std::move(cancel)));
  {
    const std::stop_callback ends(stop, [raw = connection.get()] { raw->EndWaits(); });
    if (absl::Status status = connection->ConnectFirst(deadline); !status.ok()) return status;
  }
  if (connection->closed()) return connection->Stopped();
  connection->supervisor_ = std::thread([raw = connection.get()] { raw->Supervise(); });
  return connection;
}

Connection::Connection(const BusOptions& options, FileDescriptor cancel)
    : options_(options),
      redacted_url_(RedactUrl(options.url)),
      api_subjects_(options),
      cancel_(std::move(cancel)),
      random_(std::random_device{}()),
      servers_(ReadUrl(options.url)->servers, random_) {}

Connection::~Connection() { Close(std::chrono::milliseconds(0)); }

// Every server gets its share of the time, so that a silent one does not use up what another needs. A refusal is kept
// until all were asked: the others may accept us, and the last of them may be one that is down.
absl::Status Connection::ConnectFirst(Clock::time_point deadline) {
  const Clock::duration time = std::max<Clock::duration>(deadline - Clock::now(), kFirstConnectInterval);
  absl::Status refusal;
  for (std::size_t attempt = 1;; ++attempt) {
    const Clock::duration share = time / static_cast<std::int64_t>(servers_.size());
    absl::StatusOr<std::shared_ptr<Link>> link =
        Connect(std::min(deadline, LaterBy(Clock::now(), std::max<Clock::duration>(share, kFirstConnectInterval))));
    if (closed()) return Stopped();
    if (link.ok()) {
      Adopt(*std::move(link));
      return absl::OkStatus();
    }
    if (refusal.ok() && IsRefusal(link.status())) refusal = link.status();
    const bool last = Clock::now() + kFirstConnectInterval >= deadline;
    const bool asked_all = attempt % servers_.size() == 0;
    if (last || (asked_all && !refusal.ok())) return refusal.ok() ? link.status() : refusal;
    if (deadline == Clock::time_point::max()) TellWhyNotYet(link.status());
    if (asked_all) Pause(kFirstConnectInterval);
  }
}

void Connection::TellWhyNotYet(const absl::Status& status) {
  std::string why(status.message());
  if (why == why_not_yet_) return;
  why_not_yet_ = std::move(why);
  LogLine(options_.log, LogLevel::kWarning, absl::StrCat(why_not_yet_, "; trying until it works"));
}

absl::StatusOr<std::shared_ptr<Link>> Connection::Connect(Clock::time_point deadline) {
  const WaitLimit limit = Limit(std::min(deadline, Clock::now() + kLongestAttempt));
  absl::StatusOr<ReachedServer> server = Reach(limit);
  if (!server.ok()) return server.status();
  return Establish(*std::move(server), limit);
}

absl::StatusOr<ReachedServer> Connection::Reach(const WaitLimit& limit) {
  {
    MutexLock lock(mutex_);
    servers_.Learn(learnt_);
  }
  const bool wants_tls = servers_.tls() || options_.tls.mode != TlsOptions::Mode::kOnDemand;
  const ServerAddress& address = servers_.Next();
  absl::StatusOr<ReachedServer> server = ReachServer(address, options_, wants_tls, limit);
  if (server.ok()) {
    Learn(server->info);
    return server;
  }
  return About(address, server.status());
}

absl::StatusOr<std::shared_ptr<Link>> Connection::Establish(ReachedServer server, const WaitLimit& limit) {
  const ServerAddress address = server.address;
  Link::Plan plan;
  plan.identity = IdentityOf(options_, server);
  plan.stream = std::move(server.stream);
  plan.first_bytes = std::move(server.first_bytes);
  plan.info = std::move(server.info);
  plan.credentials_file = options_.credentials.credentials_file;
  plan.inbox_prefix = options_.inbox_prefix;
  plan.generation = ++generation_;
  plan.events = EventsOf();
  absl::StatusOr<std::shared_ptr<Link>> link = Link::Establish(io_threads_, std::move(plan), limit);
  if (!link.ok()) return About(address, link.status());
  backoff_.Connected(Clock::now());
  return link;
}

// A link may outlive the connection.
IoEvents Connection::EventsOf() {
  const auto calls = [weak = weak_from_this()](auto method) {
    return [weak, method](const auto&... told) {
      if (const std::shared_ptr<Connection> self = weak.lock()) std::invoke(method, *self, told...);
    };
  };
  return {
      .ended = calls(&Connection::OnEnded), .error = calls(&Connection::OnError), .info = calls(&Connection::OnInfo)};
}

absl::Status Connection::Stopped() const {
  return absl::CancelledError(absl::StrCat("connect to ", redacted_url_, ": stopped before it was connected"));
}

// Of several servers it is said which one the error is about.
absl::Status Connection::About(const ServerAddress& server, const absl::Status& status) const {
  const char* const remedy = IsUnresolved(status)              ? ""
                             : absl::IsUnavailable(status)     ? "; check that the server runs and can be reached"
                             : absl::IsUnauthenticated(status) ? "; check user, password, token or credentials"
                                                               : "";
  const std::string which = servers_.size() > 1 ? absl::StrCat("server ", Quoted(server.Place()), ": ") : "";
  return absl::Status(status.code(), absl::StrCat("connect to ", redacted_url_, ": ", which, status.message(), remedy));
}

void Connection::Adopt(std::shared_ptr<Link> link) {
  connections_.fetch_add(1, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  max_payload_bytes_ = link->max_payload_bytes();
  if (!closing_) link_ = std::move(link);
  changed_.NotifyAll();
}

void Connection::Supervise() {
  SetThreadName("ps-connect");
  while (true) {
    const Work work = AwaitWork();
    for (const std::string& error : work.errors) NoteError(error);
    if (work.closing) return;
    if (work.lost) {
      Recover();
    } else if (work.lame_duck) {
      LeaveLameDuck();
    }
  }
}

Connection::Work Connection::AwaitWork() {
  MutexLock lock(mutex_);
  while (true) {
    Work work{.closing = closing_, .lost = link_ != nullptr && !link_->usable(), .lame_duck = lame_duck_};
    lame_duck_ = false;
    work.errors.swap(errors_);
    if (work.closing || work.lost || work.lame_duck || !work.errors.empty()) return work;
    changed_.Wait(lock);
  }
}

void Connection::Recover() {
  CloseLost();
  NotifyObservers();
  if (!Replace()) return;
  LogLine(options_.log, LogLevel::kInfo, Describe("connected again to"));
  NotifyObservers();
}

// Others may hold it for a while; it must be dead for them too.
void Connection::CloseLost() {
  std::shared_ptr<Link> lost;
  {
    MutexLock lock(mutex_);
    lost = std::exchange(link_, nullptr);
  }
  if (lost == nullptr) return;
  const absl::Status why = lost->loop().fault();
  lost->Close();
  backoff_.Lost(Clock::now());
  LogLine(options_.log, LogLevel::kWarning,
          absl::StrCat("connection to ", redacted_url_, " lost; connecting again: ", why.message()));
}

// False when closing.
bool Connection::Replace() {
  while (true) {
    std::uniform_int_distribution<std::int64_t> jitter(backoff_.pause().count() / 2, backoff_.pause().count());
    if (!Pause(std::chrono::milliseconds(jitter(random_)))) return false;
    absl::StatusOr<std::shared_ptr<Link>> link = Connect(Clock::now() + kLongestAttempt);
    if (link.ok()) {
      Adopt(*std::move(link));
      return true;
    }
    const bool refused = IsRefusal(link.status());
    if (refused) LogLine(options_.log, LogLevel::kError, std::string(link.status().message()));
    backoff_.Failed(refused);
  }
}

// Another server is reached before the connection is ended; without one the server itself will end it.
void Connection::LeaveLameDuck() {
  LogLine(options_.log, LogLevel::kWarning,
          absl::StrCat("connection to ", redacted_url_, ": the server is about to shut down; moving to another"));
  for (std::size_t attempt = 0; attempt < servers_.size(); ++attempt) {
    const WaitLimit limit = Limit(Clock::now() + kLongestAttempt);
    absl::StatusOr<ReachedServer> server = Reach(limit);
    if (!server.ok() || server->info.lame_duck) continue;
    CloseLost();
    NotifyObservers();
    absl::StatusOr<std::shared_ptr<Link>> link = Establish(*std::move(server), limit);
    const bool moved = link.ok();
    if (moved) Adopt(*std::move(link));
    if (moved || Replace()) NotifyObservers();
    return;
  }
}

// The server's own words are quoted: they are not ours to believe.
std::string Connection::Describe(std::string_view how) const {
  MutexLock lock(mutex_);
  std::string text = absl::StrCat(std::string(how), " ", redacted_url_, ": server ", Quoted(server_name_), ", version ",
                                  Quoted(server_version_));
  if (!cluster_.empty()) absl::StrAppend(&text, ", cluster ", Quoted(cluster_));
  return text;
}

std::shared_ptr<Link> Connection::link() const {
  MutexLock lock(mutex_);
  return link_ != nullptr && link_->usable() ? link_ : nullptr;
}

std::shared_ptr<Link> Connection::AwaitLink(Clock::time_point deadline) const {
  MutexLock lock(mutex_);
  while (!closing_) {
    if (link_ != nullptr && link_->usable()) return link_;
    if (!changed_.WaitUntil(lock, deadline)) break;
  }
  return nullptr;
}

bool Connection::Pause(std::chrono::milliseconds time) const {
  const Clock::time_point deadline = DeadlineAfter(time);
  MutexLock lock(mutex_);
  while (!closing_ && changed_.WaitUntil(lock, deadline)) {
  }
  return !closing_;
}

std::size_t Connection::max_payload_bytes() const {
  MutexLock lock(mutex_);
  return link_ != nullptr ? link_->max_payload_bytes() : max_payload_bytes_;
}

bool Connection::clustered() const {
  MutexLock lock(mutex_);
  return clustered_ || api_subjects_.remote();
}

std::string Connection::server_version() const {
  MutexLock lock(mutex_);
  return server_version_;
}

bool Connection::closed() const {
  MutexLock lock(mutex_);
  return closing_;
}

void Connection::Observe(ConnectionObserver& observer) {
  MutexLock lock(observers_mutex_);
  observers_.push_back(&observer);
}

void Connection::Leave(ConnectionObserver& observer) {
  MutexLock lock(observers_mutex_);
  std::erase(observers_, &observer);
}

std::size_t Connection::observers() const {
  MutexLock lock(observers_mutex_);
  return observers_.size();
}

void Connection::NotifyObservers() {
  MutexLock lock(observers_mutex_);
  for (ConnectionObserver* observer : observers_) observer->OnConnectionChanged();
}

// What is refused is tried again for as long as it is refused.
bool Connection::IsNews(const std::string& error) {
  const bool another = std::exchange(told_on_, generation_) != generation_;
  if (another || told_.size() >= kMaxErrors) told_.clear();
  return told_.insert(error).second;
}

void Connection::NoteError(const std::string& text) {
  if (IsNews(text)) {
    LogLine(options_.log, LogLevel::kError,
            absl::StrCat("connection to ", redacted_url_, ": the server reports ", Quoted(text)));
  }
  const std::string subject(DeniedSubject(text));
  if (subject.empty()) return;
  MutexLock lock(observers_mutex_);
  for (ConnectionObserver* observer : observers_) observer->OnDenied(subject);
}

void Connection::Learn(const ServerInfo& info) {
  MutexLock lock(mutex_);
  clustered_ = info.clustered;
  server_version_ = info.version;
  server_name_ = info.name;
  cluster_ = info.cluster;
  if (!info.connect_urls.empty()) learnt_ = info.connect_urls;
}

void Connection::OnEnded() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void Connection::OnError(std::string_view text) {
  MutexLock lock(mutex_);
  if (errors_.size() < kMaxErrors) errors_.emplace_back(text);
  changed_.NotifyAll();
}

void Connection::OnInfo(const ServerInfo& info) {
  Learn(info);
  MutexLock lock(mutex_);
  lame_duck_ = lame_duck_ || info.lame_duck;
  changed_.NotifyAll();
}

void Connection::EndWaits() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
    changed_.NotifyAll();
  }
  eventfd_write(cancel_.get(), 1);
}

void Connection::Close(std::chrono::milliseconds flush) {
  if (const std::shared_ptr<Link> open = link(); open != nullptr && flush.count() > 0) {
    open->Ping(DeadlineAfter(flush));
  }
  EndWaits();
  std::shared_ptr<Link> last;
  {
    MutexLock lock(mutex_);
    last = std::exchange(link_, nullptr);
  }
  if (supervisor_.joinable()) supervisor_.join();
  if (last != nullptr) last->Close(flush);
}

}  // namespace penstock::eventbus::jetstream
