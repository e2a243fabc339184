#include "control/connection.h"

#include "control/completion.h"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/write.hpp>
#include <string_view>
#include <utility>

namespace control {

namespace {

// Requests read ahead of the running batch.
constexpr std::size_t kMaxPending = 2 * kMaxBatch;
constexpr std::size_t kMaxPendingBytes = std::size_t{4} << 20;
// A response carries at most this much text; a write at most about four of them.
constexpr std::size_t kChunk = std::size_t{64} * 1024;
constexpr std::size_t kWriteBytes = 4 * kChunk;

// The longest prefix of text[from..] of at most kChunk bytes that does not cut a UTF-8 sequence.
std::size_t chunk_length(std::string_view text, std::size_t from) {
    std::size_t length = std::min(kChunk, text.size() - from);
    if (from + length == text.size()) {
        return length;
    }
    std::size_t back = 0;
    while (back < 3 && (static_cast<unsigned char>(text[from + length - back]) & 0xC0) == 0x80) {
        ++back;
    }
    return length - back;
}

}  // namespace

Connection::Connection(Socket socket, std::shared_ptr<ConnectionShared> shared, Peer peer)
    : socket_(std::move(socket)), shared_(std::move(shared)), peer_(peer) {}

void Connection::start(std::function<void(const std::shared_ptr<Connection>&)> closed) {
    closed_ = std::move(closed);
    asio::error_code error;
    socket_.non_blocking(true, error);
    wait_readable();
}

void Connection::refuse(const config::Error& error,
                        std::function<void(const std::shared_ptr<Connection>&)> closed) {
    closed_ = std::move(closed);
    ended_ = true;
    enqueue_error(0, error);
    write();
}

void Connection::drain() {
    ended_ = true;
    pending_.clear();
    step();
}

void Connection::close() {
    asio::error_code error;
    socket_.close(error);
    shared_->unsent_bytes -= unsent_;
    unsent_ = 0;
    outgoing_.clear();
    pending_.clear();
    ended_ = true;
    if (const auto closed = std::exchange(closed_, nullptr)) {
        closed(shared_from_this());
    }
}

bool Connection::may_read() const {
    return !ended_ && pending_.size() < kMaxPending && pending_bytes_ < kMaxPendingBytes;
}

void Connection::wait_readable() {
    if (waiting_ || !may_read() || !socket_.is_open()) {
        return;
    }
    waiting_ = true;
    socket_.async_wait(Socket::wait_read,
                       [self = shared_from_this()](const asio::error_code& error) {
                           self->waiting_ = false;
                           if (!error) {
                               self->read();
                           }
                       });
}

// Takes all that has arrived, so that commands sent together become one batch.
void Connection::read() {
    while (may_read()) {
        asio::error_code error;
        const std::size_t count = socket_.read_some(asio::buffer(shared_->read_buffer), error);
        if (error == asio::error::would_block) {
            break;
        }
        if (error == asio::error::eof) {
            // The client may have closed only its sending side: what it sent is still answered.
            ended_ = true;
            break;
        }
        if (error) {
            close();
            return;
        }
        reader_.append({shared_->read_buffer.data(), count});
        take_frames();
    }
    step();
}

void Connection::take_frames() {
    while (!ended_) {
        config::Result<std::optional<std::string>> frame = reader_.next();
        if (!frame) {
            enqueue_error(0, frame.error());
            ended_ = true;
            return;
        }
        if (!*frame) {
            return;
        }
        config::Result<RequestMessage> request = parse_request(**frame);
        if (!request) {
            enqueue_error(0, request.error());
            ended_ = true;
            return;
        }
        pending_bytes_ += request->line.size();
        pending_.push_back(std::move(*request));
    }
}

// Does whatever can be done next. Called after every event.
void Connection::step() {
    if (!socket_.is_open()) {
        return;
    }
    write();
    if (!executing_ && !writing_ && outgoing_.empty()) {
        if (!pending_.empty()) {
            run_batch();
        } else if (ended_) {
            close();
            return;
        }
    }
    wait_readable();
}

void Connection::run_batch() {
    if (pending_.front().completion) {
        const RequestMessage request = std::move(pending_.front());
        pending_.pop_front();
        pending_bytes_ -= request.line.size();
        complete(request);
        step();
        return;
    }
    std::vector<Request> requests;
    std::vector<std::uint64_t> ids;
    for (const RequestMessage& message : pending_) {
        if (message.completion || requests.size() == kMaxBatch) {
            break;
        }
        requests.push_back({message.line, message.json, message.show_secrets, message.once});
        ids.push_back(message.id);
    }
    executing_ = true;
    shared_->controller.execute(
        session_,
        peer_,
        std::move(requests),
        [self = shared_from_this(), ids = std::move(ids)](std::vector<Reply> replies) {
            self->executing_ = false;
            self->batch_done(ids, std::move(replies));
        });
}

void Connection::batch_done(std::span<const std::uint64_t> ids, std::vector<Reply> replies) {
    if (!socket_.is_open()) {
        return;
    }
    for (std::size_t i = 0; i < replies.size(); ++i) {
        if (!pending_.empty()) {  // drain() drops what has not been started, not what is running
            pending_bytes_ -= pending_.front().line.size();
            pending_.pop_front();
        }
        ResponseMessage response;
        response.id = ids[i];
        response.code = replies[i].ok ? 0 : 1;
        response.text = std::move(replies[i].text);
        response.prompt = std::move(replies[i].prompt);
        enqueue(std::move(response));
    }
    if (shared_->unsent_bytes > kMaxUnsent) {
        shared_->too_much_unsent();
    }
    step();
}

void Connection::complete(const RequestMessage& request) {
    CompletionAnswer answer = complete_line(shared_->controller, *session_, request.line);
    ResponseMessage response;
    response.id = request.id;
    response.completion = true;
    response.from = answer.from;
    response.words = std::move(answer.words);
    enqueue(std::move(response));
}

void Connection::enqueue(ResponseMessage response) {
    unsent_ += response.text.size();
    shared_->unsent_bytes += response.text.size();
    outgoing_.push_back({std::move(response), 0});
}

void Connection::enqueue_error(std::uint64_t id, const config::Error& error) {
    ResponseMessage response;
    response.id = id;
    response.code = 1;
    response.text = config::format_error(error) + "\n";
    response.prompt = session_->prompt();
    enqueue(std::move(response));
}

void Connection::fill_write_buffer() {
    while (!outgoing_.empty() && write_buffer_.size() < kWriteBytes) {
        Outgoing& next = outgoing_.front();
        if (next.sent == 0 && next.response.text.size() <= kChunk) {
            unsent_ -= next.response.text.size();
            shared_->unsent_bytes -= next.response.text.size();
            write_buffer_.append(to_frame(next.response));
            outgoing_.pop_front();
            continue;
        }
        const std::string& text = next.response.text;
        const std::size_t length = chunk_length(text, next.sent);
        ResponseMessage part;
        part.id = next.response.id;
        part.code = next.response.code;
        part.text = text.substr(next.sent, length);
        part.prompt = next.response.prompt;
        next.sent += length;
        part.more = next.sent < text.size();
        write_buffer_.append(to_frame(part));
        if (!part.more) {
            unsent_ -= text.size();
            shared_->unsent_bytes -= text.size();
            outgoing_.pop_front();
        }
    }
}

void Connection::write() {
    if (writing_ || outgoing_.empty() || !socket_.is_open()) {
        return;
    }
    write_buffer_.clear();
    fill_write_buffer();
    writing_ = true;
    asio::async_write(socket_,
                      asio::buffer(write_buffer_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                          self->writing_ = false;
                          if (error) {
                              self->close();
                              return;
                          }
                          if (self->outgoing_.empty()) {
                              self->write_buffer_ = std::string();
                          }
                          self->step();
                      });
}

}  // namespace control
