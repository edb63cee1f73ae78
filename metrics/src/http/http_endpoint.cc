// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/http_endpoint.h"

#include <sys/socket.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "http/connection_limit.h"
#include "http/handler_threads.h"
#include "http/http_session.h"
#include "http/listener.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::metrics {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

constexpr int kMostAcceptedAtOnce = 64;
constexpr std::chrono::milliseconds kPause{100};

bool IsOutOfResources(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

class HttpEndpoint::Core : private SessionHost {
 public:
  Core(HttpOptions options, FileDescriptor listener)
      : options_(std::move(options)),
        port_(PortOf(listener)),
        protocol_(IsV6(listener) ? tcp::v6() : tcp::v4()),
        limit_(options_.max_connections) {
    acceptor_.assign(protocol_, listener.Release());
    StartHandlerThreads();
    AwaitConnections();
    io_thread_ = std::thread([this] { RunIo(); });
  }

  ~Core() override { Stop(); }

  std::uint16_t port() const { return port_; }

  void Stop() {
    std::call_once(stopped_, [this] {
      io_.stop();
      io_thread_.join();
      error_code ignored;
      acceptor_.close(ignored);
      while (!sessions_.empty()) CloseSession(sessions_.begin()->first);
      for (auto& [route, threads] : handler_threads_) threads->Close();
    });
  }

 private:
  // Of a route with a thread of its own, or nobody: of all others.
  using ThreadsByRoute = std::map<const HttpRoute*, std::unique_ptr<HandlerThreads>>;

  static const HttpRoute* KeyOf(const HttpRoute& route) { return route.thread == HttpThread::kOwn ? &route : nullptr; }

  void StartHandlerThreads() {
    for (const auto& [path, route] : options_.routes) {
      std::unique_ptr<HandlerThreads>& threads = handler_threads_[KeyOf(route)];
      if (route.thread == HttpThread::kIo || threads) continue;
      threads = std::make_unique<HandlerThreads>(route.thread == HttpThread::kOwn ? 1 : options_.handler_threads,
                                                 options_.max_waiting);
    }
    std::erase_if(handler_threads_, [](const auto& entry) { return entry.second == nullptr; });
  }

  void RunIo() {
    SetThreadName("penstock-http");
    while (true) {
      try {
        io_.run();
        return;
      } catch (const std::exception& error) {  // no memory; the connections that live go on
        if (options_.log) options_.log(LogLevel::kError, absl::StrCat("http endpoint: ", error.what()));
      }
    }
  }

  void AwaitConnections() {
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](const error_code& error) {
      if (!error) AcceptAll();
    });
  }

  // Not by Asio: its sockets are inherited by the children that this process starts.
  void AcceptAll() {
    for (int i = 0; i < kMostAcceptedAtOnce; ++i) {
      FileDescriptor socket(accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.valid()) {
        Admit(std::move(socket));
      } else if (IsOutOfResources(errno)) {
        if (!MakeRoom()) return Pause();
      } else if (errno == EAGAIN) {
        break;
      }
    }
    AwaitConnections();
  }

  void Admit(FileDescriptor descriptor) {
    tcp::socket socket(io_);
    error_code error;
    socket.assign(protocol_, descriptor.get(), error);
    if (error) return;
    descriptor.Release();
    socket.set_option(tcp::no_delay(true), error);
    const ConnectionLimit::Id id = limit_.Enter();
    const auto session = sessions_.emplace(id, HttpSession::Make(std::move(socket), id, *this)).first->second;
    session->Start();
    CloseExcess(id);
  }

  bool MakeRoom() {
    const std::optional<ConnectionLimit::Id> weakest = limit_.Weakest();
    if (weakest) CloseSession(*weakest);
    return weakest.has_value();
  }

  // The connection stays in the queue, and waiting for it would end at once.
  void Pause() {
    pause_.expires_after(kPause);
    pause_.async_wait([this](const error_code& error) {
      if (!error) AwaitConnections();
    });
  }

  void CloseExcess(ConnectionLimit::Id newest) {
    if (const std::optional<ConnectionLimit::Id> excess = limit_.Excess(newest)) CloseSession(*excess);
  }

  void CloseSession(ConnectionLimit::Id id) {
    const std::shared_ptr<HttpSession> session = sessions_.at(id);  // it leaves the map meanwhile
    session->Close();
  }

  const HttpOptions& options() const override { return options_; }

  void OnPhase(ConnectionLimit::Id id, ConnectionPhase phase) override {
    limit_.Set(id, phase);
    CloseExcess(id);
  }

  void OnClosed(ConnectionLimit::Id id) override {
    limit_.Leave(id);
    sessions_.erase(id);
  }

  bool HasRoomForStream() const override { return limit_.Count(ConnectionPhase::kStreaming) < options_.max_streams; }

  bool Post(const HttpRoute& route, HandlerThreads::Job job) override {
    return handler_threads_.at(KeyOf(route))->Post(std::move(job));
  }

  const HttpOptions options_;
  const std::uint16_t port_;
  const tcp protocol_;
  std::once_flag stopped_;
  // Of the I/O thread, until it has been joined.
  net::io_context io_{1};
  net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  tcp::acceptor acceptor_{io_};
  net::steady_timer pause_{io_};
  ConnectionLimit limit_;
  std::map<ConnectionLimit::Id, std::shared_ptr<HttpSession>> sessions_;

  ThreadsByRoute handler_threads_;  // their jobs use all of the above
  std::thread io_thread_;
};

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Listen(HttpOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  absl::StatusOr<FileDescriptor> listener = OpenListener(options);
  if (!listener.ok()) return listener.status();
  try {
    return std::unique_ptr<HttpEndpoint>(
        new HttpEndpoint(std::make_unique<Core>(std::move(options), *std::move(listener))));
  } catch (const std::system_error& error) {  // Boost's errors are of this kind too
    return absl::ResourceExhaustedError(
        absl::StrCat("start http endpoint: ", error.what(), "; raise the limits on threads and open files"));
  }
}

HttpEndpoint::HttpEndpoint(std::unique_ptr<Core> core) : core_(std::move(core)) {}
HttpEndpoint::~HttpEndpoint() = default;

std::uint16_t HttpEndpoint::port() const { return core_->port(); }

void HttpEndpoint::Stop() { core_->Stop(); }

}  // namespace penstock::metrics
