// Lines of a script, or of standard input, sent ahead of their replies.
#pragma once

#include "config/result.h"
#include "tools/netsh_client.h"
#include "tools/netsh_options.h"

#include <cstddef>
#include <optional>
#include <string>

namespace netsh {

// Lines from a descriptor: skips a UTF-8 byte order mark, blank lines and `#` comments, takes CRLF,
// refuses NUL and lines that no request can carry.
class LineReader {
  public:
    LineReader(int descriptor, std::string name)
        : descriptor_(descriptor), name_(std::move(name)) {}

    // The next line that is complete, or nothing if more has to be read first. At the end of the
    // file a last line needs no line feed.
    [[nodiscard]] config::Result<std::optional<std::string>> next();
    // Reads once; blocks if nothing has arrived.
    [[nodiscard]] config::Result<void> read();
    [[nodiscard]] bool at_end() const { return ended_ && buffer_.size() == consumed_; }
    [[nodiscard]] int descriptor() const { return descriptor_; }

  private:
    [[nodiscard]] config::Error error(const char* what) const;

    int descriptor_;
    std::string name_;
    std::string buffer_;
    std::size_t consumed_ = 0;
    std::size_t line_ = 0;
    bool ended_ = false;
};

// True: every line succeeded. Replies go to standard output in the order of the lines.
[[nodiscard]] config::Result<bool> run_script(Client& client,
                                              const Options& options,
                                              int descriptor,
                                              const std::string& name);
[[nodiscard]] config::Result<bool> run_file(Client& client,
                                            const Options& options,
                                            const std::string& path);

// `exec FILE` and the words that end a session are the client's; nothing for every other line.
struct LocalCommand {
    bool end = false;
    std::string file;
};
[[nodiscard]] std::optional<LocalCommand> local_command(const std::string& line);

}  // namespace netsh
