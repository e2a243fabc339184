// A web server on 127.0.0.1 that answers each path as it is told, and counts.
#pragma once

#include <fmt/format.h>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace control::test {

class HttpServer {
  public:
    HttpServer() : acceptor_(loop_, {asio::ip::address_v4::loopback(), 0}) {
        accept();
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~HttpServer() {
        loop_.stop();
        thread_.join();
    }
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    [[nodiscard]] std::string url(const std::string& path) const {
        return fmt::format("http://127.0.0.1:{}{}", acceptor_.local_endpoint().port(), path);
    }
    void serve(const std::string& path, std::string_view body) {
        set(path,
            fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
    }
    void redirect(const std::string& path, std::string_view to) {
        set(path,
            fmt::format("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", to));
    }
    // Takes the request and says nothing.
    void keep_silent(const std::string& path) { set(path, ""); }

    [[nodiscard]] unsigned requests(const std::string& path) {
        const std::scoped_lock lock(mutex_);
        return counts_[path];
    }

  private:
    struct Connection {
        explicit Connection(asio::ip::tcp::socket taken) : socket(std::move(taken)) {}
        asio::ip::tcp::socket socket;
        std::string request;
        std::string reply;
    };

    void set(const std::string& path, std::string reply) {
        const std::scoped_lock lock(mutex_);
        replies_[path] = std::move(reply);
    }

    void accept() {
        acceptor_.async_accept([this](const asio::error_code& error, asio::ip::tcp::socket socket) {
            if (!error) {
                read(std::make_shared<Connection>(std::move(socket)));
            }
            accept();
        });
    }

    void read(const std::shared_ptr<Connection>& connection) {
        asio::async_read_until(connection->socket,
                               asio::dynamic_buffer(connection->request),
                               "\r\n\r\n",
                               [this, connection](const asio::error_code& error, std::size_t) {
                                   if (!error) {
                                       answer(connection);
                                   }
                               });
    }

    void answer(const std::shared_ptr<Connection>& connection) {
        const std::size_t begin = connection->request.find(' ') + 1;
        const std::string path =
            connection->request.substr(begin, connection->request.find(' ', begin) - begin);
        {
            const std::scoped_lock lock(mutex_);
            ++counts_[path];
            const auto found = replies_.find(path);
            connection->reply = found == replies_.end()
                                    ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
                                    : found->second;
        }
        if (connection->reply.empty()) {
            silent_.push_back(connection);
            return;
        }
        asio::async_write(connection->socket,
                          asio::buffer(connection->reply),
                          [this, connection](const asio::error_code& error, std::size_t) {
                              connection->request.clear();
                              if (!error) {
                                  read(connection);
                              }
                          });
    }

    asio::io_context loop_;
    asio::ip::tcp::acceptor acceptor_;
    std::mutex mutex_;
    std::map<std::string, std::string> replies_;
    std::map<std::string, unsigned> counts_;
    std::vector<std::shared_ptr<Connection>> silent_;
    std::thread thread_;
};

}  // namespace control::test
