// SPDX-License-Identifier: Apache-2.0
#include "http/http_session.h"

#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "http/event_queue.h"
#include "http/http_reply.h"
#include "http/http_request.h"

namespace penstock::metrics {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using net::ip::tcp;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t kDiscardBytes = 4096;

template <typename View>
std::string ToString(const View& view) {  // Boost's views are of another type in each release
  return {view.data(), view.size()};
}

template <typename View>
std::string_view ToView(const View& view) {
  return {view.data(), view.size()};
}

// The status that tells the client what is wrong with its bytes; 0: the connection is gone, nobody can be told.
int RefusalOf(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::bad_version) return 505;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
  return error.category() == http::make_error_code(http::error::bad_method).category() ? 400 : 0;
}

bool HasNoBody(int status) { return status == 204 || status == 304; }

http::response<http::string_body> ToResponse(HttpReply reply) {
  http::response<http::string_body> response;
  response.version(11);
  response.result(static_cast<unsigned>(reply.status));
  response.set(http::field::content_type, reply.content_type);
  for (const HttpHeader& header : reply.headers) response.insert(header.name, header.value);
  if (response.count(http::field::cache_control) == 0) response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set(http::field::vary, "Accept, Accept-Encoding");
  response.set(http::field::connection, "close");
  if (HasNoBody(reply.status)) return response;
  response.content_length(reply.body.size());
  response.body() = std::move(reply.body);
  return response;
}

class Session : public HttpSession, public std::enable_shared_from_this<Session> {
  // A completion handler that keeps the session, and does nothing once it is closed.
  template <typename Member>
  auto On(Member member) {
    return [self = shared_from_this(), member](const error_code& error, std::size_t) {
      if (!self->closed()) (self.get()->*member)(error);
    };
  }

 public:
  Session(tcp::socket socket, ConnectionLimit::Id id, SessionHost& host)
      : socket_(std::move(socket)), executor_(socket_.get_executor()), timer_(executor_), id_(id), host_(host) {}

  void Start() override {
    LimitLife(host_.options().connection_timeout);
    head_parser_.emplace();
    head_parser_->header_limit(kMaxHeadBytes);
    head_parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // the route's limit holds
    http::async_read_header(socket_, buffer_, *head_parser_, On(&Session::OnHead));
  }

  void Close() override {
    if (closed_.exchange(true, std::memory_order_relaxed)) return;
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    if (queue_) queue_->Abandon();
    host_.OnClosed(id_);
  }

 private:
  bool closed() const { return closed_.load(std::memory_order_relaxed); }

  void LimitLife(std::chrono::milliseconds life) {
    timer_.expires_after(life);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      const bool is_over = self->timer_.expiry() <= net::steady_timer::clock_type::now();
      if (!error && is_over) self->Close();  // not when the life was prolonged just when it ended
    });
  }

  void OnHead(const error_code& error) {
    if (error) return Refuse(RefusalOf(error));
    const http::request<http::empty_body>& head = head_parser_->get();
    head_only_ = ToView(head.method_string()) == "HEAD";
    const HeadVerdict verdict = JudgeHead(head);
    if (verdict.refusal != 0) return WriteReply(Refusal(verdict.refusal, verdict.route));
    route_ = verdict.route;
    parser_.emplace(std::move(*head_parser_));
    parser_->body_limit(route_->max_body_bytes);
    if (parser_->is_done()) return Dispatch();
    if (!WaitsToContinue()) return ReadBody();
    net::async_write(socket_, net::buffer(kContinue), On(&Session::OnContinued));
  }

  bool WaitsToContinue() const {
    return parser_->get().version() == 11 &&
           absl::EqualsIgnoreCase(ToString(parser_->get()[http::field::expect]), "100-continue");
  }

  HeadVerdict JudgeHead(const http::request<http::empty_body>& head) const {
    const auto length = head_parser_->content_length();
    return Judge({.version = static_cast<int>(head.version()),
                  .method = ToView(head.method_string()),
                  .target = ToView(head.target()),
                  .hosts = head.count(http::field::host),
                  .content_length = length ? std::optional(std::uint64_t{*length}) : std::nullopt,
                  .unknown_coding = head.count(http::field::transfer_encoding) > 0 && !head_parser_->chunked()},
                 host_.options().routes);
  }

  void OnContinued(const error_code& error) { error ? Close() : ReadBody(); }

  void ReadBody() { http::async_read(socket_, buffer_, *parser_, On(&Session::OnBody)); }

  void OnBody(const error_code& error) { error ? Refuse(RefusalOf(error)) : Dispatch(); }

  void Refuse(int status) { status == 0 ? Close() : WriteReply(Refusal(status)); }

  void Dispatch() {
    host_.OnPhase(id_, ConnectionPhase::kHandling);
    auto request = std::make_shared<const HttpRequest>(TakeRequest());
    if (route_->events) return head_only_ ? WriteReply({.content_type = kEvents}) : Stream(request);
    if (route_->thread == HttpThread::kIo) return WriteReply(Answer(*route_, *request, host_.options().log));
    const bool posted = host_.Post(*route_, [self = shared_from_this(), request] { self->RunHandler(*request); });
    if (!posted) WriteReply(Refusal(503));
  }

  HttpRequest TakeRequest() {
    http::request<http::string_body> message = parser_->release();
    HttpRequest request{.method = head_only_ ? "GET" : ToString(message.method_string()),
                        .path = std::string(PathOf(ToView(message.target()))),
                        .query = std::string(QueryOf(ToView(message.target()))),
                        .body = std::move(message.body())};
    for (const auto& field : message)
      request.headers.push_back({ToString(field.name_string()), ToString(field.value())});
    return request;
  }

  // On the thread of the route. One that asked and left has no handler run for it.
  void RunHandler(const HttpRequest& request) {
    if (closed()) return;
    auto reply = std::make_shared<HttpReply>(Answer(*route_, request, host_.options().log));
    net::post(executor_, [self = shared_from_this(), reply] {
      if (!self->closed()) self->WriteReply(std::move(*reply));
    });
  }

  void WriteReply(HttpReply reply) {
    host_.OnPhase(id_, ConnectionPhase::kWriting);
    if (closed()) return;
    response_ = ToResponse(std::move(reply));
    serializer_.emplace(response_);
    if (head_only_) return http::async_write_header(socket_, *serializer_, On(&Session::OnWritten));
    http::async_write(socket_, *serializer_, On(&Session::OnWritten));
  }

  void OnWritten(const error_code& error) { error ? Close() : Linger(); }

  // Closed at once, with bytes of the client's still coming, the connection would be reset, and the reply lost.
  void Linger() {
    host_.OnPhase(id_, ConnectionPhase::kLingering);
    error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    if (error) return Close();
    if (!discarding_) Discard();
  }

  void Discard() {
    discarding_ = true;
    socket_.async_read_some(net::buffer(discarded_), On(&Session::OnDiscarded));
  }

  void OnDiscarded(const error_code& error) { error ? Close() : Discard(); }

  void Stream(const std::shared_ptr<const HttpRequest>& request) {
    queue_ = std::make_shared<EventQueue>(host_.options().max_stream_queue_bytes, Waker());
    auto stream = std::make_shared<QueuedEventStream>(queue_);
    if (!host_.HasRoomForStream() || !Announce(request, stream)) {
      queue_->Abandon();
      return WriteReply(Refusal(503));
    }
    host_.OnPhase(id_, ConnectionPhase::kStreaming);
    LimitLife(host_.options().stream_timeout);
    Discard();
    BeginStream();
  }

  EventQueue::Wake Waker() {
    return [self = weak_from_this(), executor = executor_] {
      net::post(executor, [self] {
        if (const auto session = self.lock()) session->WriteEvents();
      });
    };
  }

  // Has the handler take the stream; what it sends is queued until the head is written.
  bool Announce(const std::shared_ptr<const HttpRequest>& request, const std::shared_ptr<EventStream>& stream) {
    const auto hand_over = [self = shared_from_this(), request, stream] {
      if (!self->closed()) HandOver(*self->route_, *request, stream, self->host_.options().log);
    };
    if (route_->thread != HttpThread::kIo) return host_.Post(*route_, hand_over);
    hand_over();
    return true;
  }

  void BeginStream() {
    response_.version(11);
    response_.set(http::field::content_type, kEvents);
    response_.set(http::field::cache_control, "no-store");
    response_.set(http::field::connection, "close");
    serializer_.emplace(response_);
    writing_events_ = true;
    http::async_write_header(socket_, *serializer_, On(&Session::OnEventsWritten));
  }

  void WriteEvents() {
    if (closed()) return;
    if (queue_->overflowed()) return Close();
    if (writing_events_) return;
    events_ = queue_->Take();
    if (!events_.empty()) {
      writing_events_ = true;
      net::async_write(socket_, net::buffer(events_), On(&Session::OnEventsWritten));
    } else if (queue_->finished()) {
      LimitLife(host_.options().connection_timeout);
      Linger();
    }
  }

  void OnEventsWritten(const error_code& error) {
    writing_events_ = false;
    error ? Close() : WriteEvents();
  }

  static constexpr const char* kEvents = "text/event-stream; charset=utf-8";

  tcp::socket socket_;
  const tcp::socket::executor_type executor_;
  net::steady_timer timer_;
  const ConnectionLimit::Id id_;
  SessionHost& host_;
  std::atomic<bool> closed_{false};  // relaxed: a handler's thread only looks whether it can spare itself the work
  boost::beast::flat_buffer buffer_{kMaxHeadBytes};
  std::optional<http::request_parser<http::empty_body>> head_parser_{};
  std::optional<http::request_parser<http::string_body>> parser_{};
  const HttpRoute* route_ = nullptr;
  bool head_only_ = false;
  http::response<http::string_body> response_{};
  std::optional<http::response_serializer<http::string_body>> serializer_{};
  bool discarding_ = false;
  std::array<char, kDiscardBytes> discarded_{};
  std::shared_ptr<EventQueue> queue_{};  // of a stream
  bool writing_events_ = false;
  std::string events_{};  // being written
};

}  // namespace

std::shared_ptr<HttpSession> HttpSession::Make(tcp::socket socket, ConnectionLimit::Id id, SessionHost& host) {
  return std::make_shared<Session>(std::move(socket), id, host);
}

}  // namespace penstock::metrics
