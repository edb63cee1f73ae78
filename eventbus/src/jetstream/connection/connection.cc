// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/connection.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/connection/closures.h"
#include "jetstream/connection/connect_options.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/connection/status_mapping.h"
#include "jetstream/io/thread_name.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::milliseconds kFirstBackoff(100);
// Half to all of it is waited: a server that is back is found within half a second, and asked two to four times a
// second.
constexpr std::chrono::milliseconds kLongestBackoff(500);
constexpr std::chrono::milliseconds kLongestAuthBackoff(30'000);
constexpr std::chrono::milliseconds kFirstConnectInterval(100);
constexpr std::size_t kMostDeniedSubjects = 64;

/// The subject in `permissions violation for publish to "x"`, empty when the text is another.
std::string DeniedSubject(const std::string& text) {
  const std::size_t publish = text.find("ublish to \"");
  if (publish == std::string::npos) return "";
  const std::size_t begin = text.find('"', publish) + 1;
  const std::size_t end = text.find('"', begin);
  return end == std::string::npos ? "" : text.substr(begin, end - begin);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Connection>> Connection::Open(const BusOptions& options) {
  std::shared_ptr<Connection> connection(new Connection(options));
  connection->closure_ = Closures<Connection>::Add(connection);
  if (absl::Status status = connection->ConnectFirst(); !status.ok()) return status;
  connection->supervisor_ = std::thread([raw = connection.get()] { raw->Supervise(); });
  return connection;
}

Connection::Connection(const BusOptions& options)
    : options_(options),
      redacted_url_(RedactUrl(options.url)),
      servers_(SplitServers(options.url)),
      random_(std::random_device{}()) {}

Connection::~Connection() {
  Close(std::chrono::milliseconds(0));
  Closures<Connection>::Remove(closure_);
}

absl::Status Connection::ConnectFirst() {
  const Clock::time_point deadline = Clock::now() + options_.connect_timeout;
  while (true) {
    absl::StatusOr<std::shared_ptr<Link>> link = Connect();
    if (link.ok()) {
      Adopt(*std::move(link));
      return absl::OkStatus();
    }
    const bool last = Clock::now() + kFirstConnectInterval >= deadline;
    if (last || !absl::IsUnavailable(link.status())) return link.status();
    Pause(kFirstConnectInterval);
  }
}

absl::StatusOr<std::shared_ptr<Link>> Connection::Connect() {
  std::vector<std::string> servers;
  {
    MutexLock lock(mutex_);
    servers = MergeServers(servers_, discovered_);
  }
  absl::StatusOr<OptionsHandle> connect_options = MakeConnectOptions(options_, servers);
  if (!connect_options.ok()) return connect_options.status();
  natsOptions_SetClosedCB(connect_options->get(), OnClosed, closure_);
  natsOptions_SetErrorHandler(connect_options->get(), OnError, closure_);
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create(crew_, WantsTls(options_, servers));
  if (!loop.ok()) return loop.status();
  natsConnection* raw = nullptr;
  natsStatus status = (*loop)->Configure(connect_options->get());
  if (status == NATS_OK) status = natsConnection_Connect(&raw, connect_options->get());
  ConnectionHandle handle(raw);
  if (status == NATS_TIMEOUT) status = NATS_NO_SERVER;
  if (status != NATS_OK) return NatsError(absl::StrCat("connect to ", redacted_url_), status);
  NoteDiscovered(raw);
  return std::make_shared<Link>(
      std::move(handle), *std::move(loop), ++generation_,
      [weak = weak_from_this()] {
        if (const std::shared_ptr<Connection> connection = weak.lock()) connection->Wake();
      },
      dropped_);
}

void Connection::Adopt(std::shared_ptr<Link> link) {
  max_payload_bytes_.store(link->max_payload_bytes(), std::memory_order_relaxed);
  MutexLock lock(mutex_);
  denied_.clear();
  if (!closing_) link_ = std::move(link);
  changed_.NotifyAll();
}

void Connection::Supervise() {
  NameThisThread("ps-connect");
  while (AwaitLoss()) {
    NotifyObservers();
    LogLine(options_.log, LogLevel::kWarning, absl::StrCat("connection to ", redacted_url_, " lost; connecting again"));
    if (!Replace()) return;
    LogLine(options_.log, LogLevel::kInfo, absl::StrCat("connected to ", redacted_url_, " again"));
    NotifyObservers();
  }
}

// Returns false when closing.
bool Connection::AwaitLoss() {
  std::shared_ptr<Link> lost;
  {
    MutexLock lock(mutex_);
    while (!closing_ && link_->usable()) changed_.Wait(lock);
    if (closing_) return false;
    lost = std::move(link_);
    link_ = nullptr;
  }
  // Others may hold it for a while; it must be dead for them too.
  lost->Close();
  return true;
}

// Returns false when closing.
bool Connection::Replace() {
  std::chrono::milliseconds backoff = kFirstBackoff;
  while (true) {
    std::uniform_int_distribution<std::int64_t> jitter(backoff.count() / 2, backoff.count());
    if (!Pause(std::chrono::milliseconds(jitter(random_)))) return false;
    absl::StatusOr<std::shared_ptr<Link>> link = Connect();
    if (link.ok()) {
      reconnects_.fetch_add(1, std::memory_order_relaxed);
      Adopt(*std::move(link));
      return true;
    }
    const bool refused = !absl::IsUnavailable(link.status());
    if (refused) LogLine(options_.log, LogLevel::kError, std::string(link.status().message()));
    backoff = std::min(backoff * 2, refused ? kLongestAuthBackoff : kLongestBackoff);
  }
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
  const Clock::time_point deadline = Clock::now() + time;
  MutexLock lock(mutex_);
  while (!closing_ && changed_.WaitUntil(lock, deadline)) {
  }
  return !closing_;
}

bool Connection::connected() const { return link() != nullptr; }

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
  observers_.erase(std::remove(observers_.begin(), observers_.end(), &observer), observers_.end());
}

void Connection::NotifyObservers() {
  MutexLock lock(observers_mutex_);
  for (ConnectionObserver* observer : observers_) observer->OnConnectionChanged();
}

bool Connection::Denied(const std::string& subject) const {
  MutexLock lock(mutex_);
  return denied_.contains(subject);
}

void Connection::Wake() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void Connection::OnClosed(natsConnection* /*connection*/, void* closure) {
  if (const std::shared_ptr<Connection> self = Closures<Connection>::Find(closure)) self->Wake();
}

void Connection::OnError(natsConnection* connection, natsSubscription* /*subscription*/, natsStatus status,
                         void* closure) {
  const std::shared_ptr<Connection> self = Closures<Connection>::Find(closure);
  if (self == nullptr) return;
  const char* text = nullptr;
  natsConnection_GetLastError(connection, &text);
  self->NoteError(text == nullptr || *text == '\0' ? natsStatus_GetText(status) : text);
}

void Connection::NoteError(const std::string& text) {
  LogLine(options_.log, LogLevel::kError,
          absl::StrCat("connection to ", redacted_url_, ": the server or library reports ", Quoted(text)));
  const std::string subject = DeniedSubject(text);
  if (subject.empty()) return;
  {
    MutexLock lock(mutex_);
    if (denied_.size() < kMostDeniedSubjects) denied_.insert(subject);
  }
  MutexLock lock(observers_mutex_);
  for (ConnectionObserver* observer : observers_) observer->OnPublishDenied(subject);
}

void Connection::NoteDiscovered(natsConnection* connection) {
  char** servers = nullptr;
  int count = 0;
  if (natsConnection_GetDiscoveredServers(connection, &servers, &count) != NATS_OK) return;
  std::vector<std::string> discovered(servers, servers + count);
  for (int i = 0; i < count; ++i) std::free(servers[i]);
  std::free(servers);
  MutexLock lock(mutex_);
  discovered_ = std::move(discovered);
}

void Connection::Close(std::chrono::milliseconds flush) {
  if (const std::shared_ptr<Link> open = link(); open != nullptr && flush.count() > 0) {
    natsConnection_FlushTimeout(open->get(), flush.count());
  }
  std::shared_ptr<Link> last;
  {
    MutexLock lock(mutex_);
    closing_ = true;
    last = std::move(link_);
    link_ = nullptr;
    changed_.NotifyAll();
  }
  if (supervisor_.joinable()) supervisor_.join();
  if (last != nullptr) last->Close();
}

}  // namespace penstock::eventbus::jetstream
