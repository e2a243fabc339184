#include "tools/netsh_script.h"

#include "config/errno_text.h"
#include "config/token.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace netsh {

namespace {

// Requests under way. More than a batch of the daemon, so that it never waits for us.
constexpr std::size_t kWindow = 1024;
constexpr std::size_t kMaxLine = config::kMaxRequestFrame / 2;
constexpr std::size_t kMaxNesting = 16;

class Script {
  public:
    Script(Client& client, const Options& options) : client_(client), options_(options) {}

    config::Result<bool> run(int descriptor, const std::string& name);
    config::Result<bool> run_file(const std::string& path);

  private:
    config::Result<void> settle();
    config::Result<bool> wait_for_input(const LineReader& reader);
    config::Result<void> take_line(std::string line);
    void print(const control::ResponseMessage& response);
    [[nodiscard]] bool stopped() const { return end_ || (failed_ && options_.stop_on_error); }

    Client& client_;
    const Options& options_;
    std::size_t nesting_ = 0;
    bool failed_ = false;
    bool end_ = false;
};

void Script::print(const control::ResponseMessage& response) {
    std::fwrite(response.text.data(), 1, response.text.size(), stdout);
    failed_ = failed_ || response.code != 0;
}

// Until every request is answered.
config::Result<void> Script::settle() {
    while (client_.outstanding() > 0) {
        const config::Result<bool> waited =
            client_.wait(-1, [this](const control::ResponseMessage& response) { print(response); });
        if (!waited) {
            return waited.error();
        }
    }
    return {};
}

// True: the reader has something. Replies are printed meanwhile, so that a program that writes one
// command and reads its answer is not kept waiting.
config::Result<bool> Script::wait_for_input(const LineReader& reader) {
    pollfd polled{reader.descriptor(), POLLIN, 0};
    if (client_.outstanding() == 0 || (::poll(&polled, 1, 0) > 0)) {
        return true;
    }
    std::fflush(stdout);
    const config::Result<bool> waited = client_.wait(
        reader.descriptor(), [this](const control::ResponseMessage& response) { print(response); });
    if (!waited) {
        return waited.error();
    }
    return !*waited;
}

config::Result<void> Script::take_line(std::string line) {
    if (const std::optional<LocalCommand> local = local_command(line)) {
        if (local->end) {
            end_ = true;
            return {};
        }
        if (config::Result<void> settled = settle(); !settled) {
            return settled;
        }
        const config::Result<bool> nested = run_file(local->file);
        end_ = false;  // `bye` ends the file it stands in
        if (!nested && nested.error().code == config::ErrorCode::kConnection) {
            return nested.error();
        }
        if (!nested) {
            failed_ = true;
            fmt::print("{}\n", config::format_error(nested.error()));
        }
        return {};
    }
    control::RequestMessage request;
    request.line = std::move(line);
    request.json = options_.json;
    request.show_secrets = options_.show_secrets;
    client_.send(std::move(request));
    const std::size_t window = options_.stop_on_error ? 1 : kWindow;
    while (client_.outstanding() >= window) {
        const config::Result<bool> waited =
            client_.wait(-1, [this](const control::ResponseMessage& response) { print(response); });
        if (!waited) {
            return waited.error();
        }
    }
    return {};
}

config::Result<bool> Script::run(int descriptor, const std::string& name) {
    LineReader reader(descriptor, name);
    while (!stopped()) {
        config::Result<std::optional<std::string>> line = reader.next();
        if (!line) {
            if (const config::Result<void> settled = settle(); !settled) {
                return settled.error();
            }
            return line.error();
        }
        if (*line) {
            if (const config::Result<void> taken = take_line(std::move(**line)); !taken) {
                return taken.error();
            }
            continue;
        }
        if (reader.at_end()) {
            break;
        }
        const config::Result<bool> ready = wait_for_input(reader);
        if (!ready) {
            return ready.error();
        }
        if (*ready) {
            std::fflush(stdout);
            if (const config::Result<void> read = reader.read(); !read) {
                return read.error();
            }
        }
    }
    if (const config::Result<void> settled = settle(); !settled) {
        return settled.error();
    }
    std::fflush(stdout);
    return !failed_;
}

config::Result<bool> Script::run_file(const std::string& path) {
    if (nesting_ == kMaxNesting) {
        return config::Error{config::ErrorCode::kFileNotReadable,
                             fmt::format("exec: more than {} files are open.", kMaxNesting)};
    }
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return config::Error{config::ErrorCode::kFileNotReadable,
                             fmt::format("{}: {}", path, config::errno_text(errno))};
    }
    ++nesting_;
    config::Result<bool> result = run(descriptor, path);
    --nesting_;
    ::close(descriptor);
    return result;
}

}  // namespace

config::Error LineReader::error(const char* what) const {
    return {config::ErrorCode::kBadFile, fmt::format("{}:{}: {}", name_, line_, what)};
}

config::Result<void> LineReader::read() {
    std::array<char, 65536> chunk;
    const ssize_t count = ::read(descriptor_, chunk.data(), chunk.size());
    if (count < 0 && errno != EINTR) {
        return config::Error{config::ErrorCode::kFileNotReadable,
                             fmt::format("{}: {}", name_, config::errno_text(errno))};
    }
    if (count == 0) {
        ended_ = true;
    } else if (count > 0) {
        buffer_.erase(0, consumed_);
        consumed_ = 0;
        buffer_.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return {};
}

config::Result<std::optional<std::string>> LineReader::next() {
    while (consumed_ < buffer_.size()) {
        const std::size_t feed = buffer_.find('\n', consumed_);
        if (feed == std::string::npos && !ended_ && buffer_.size() - consumed_ <= kMaxLine) {
            break;
        }
        const std::size_t end = feed == std::string::npos ? buffer_.size() : feed;
        std::string line = buffer_.substr(consumed_, end - consumed_);
        consumed_ = feed == std::string::npos ? end : feed + 1;
        ++line_;
        if (line.size() > kMaxLine) {
            return error("The line is longer than 524288 bytes.");
        }
        if (line.find('\0') != std::string::npos) {
            return error("The line holds a NUL byte; a text file in UTF-8 was expected.");
        }
        if (line_ == 1 && line.starts_with("\xEF\xBB\xBF")) {
            line.erase(0, 3);
        }
        if (line.ends_with('\r')) {
            line.pop_back();
        }
        const std::size_t first = line.find_first_not_of(" \t");
        if (first != std::string::npos && line[first] != '#') {
            return std::optional<std::string>(std::move(line));
        }
    }
    return std::optional<std::string>();
}

std::optional<LocalCommand> local_command(const std::string& line) {
    const config::Result<std::vector<config::Token>> tokens = config::tokenize(line);
    if (!tokens || tokens->empty() || tokens->front().tagged()) {
        return std::nullopt;
    }
    const auto is = [&](std::size_t at, std::string_view word) {
        return config::equals_ignoring_case((*tokens)[at].value, word);
    };
    const std::size_t at =
        tokens->size() > 1 && (is(0, "netsh") || is(0, "netsh.exe")) ? std::size_t{1} : 0;
    const std::size_t left = tokens->size() - at;
    if (left == 1 && (is(at, "bye") || is(at, "exit") || is(at, "quit"))) {
        return LocalCommand{true, {}};
    }
    if (left == 2 && is(at, "exec") && !(*tokens)[at + 1].tagged() && !is(at + 1, "?")) {
        return LocalCommand{false, (*tokens)[at + 1].value};
    }
    return std::nullopt;
}

config::Result<bool> run_script(Client& client,
                                const Options& options,
                                int descriptor,
                                const std::string& name) {
    return Script(client, options).run(descriptor, name);
}

config::Result<bool> run_file(Client& client, const Options& options, const std::string& path) {
    return Script(client, options).run_file(path);
}

}  // namespace netsh
