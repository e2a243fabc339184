#include "tools/netsh_interactive.h"

#include "config/token.h"
#include "tools/netsh_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <histedit.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace netsh {

namespace {

constexpr int kHistoryLines = 1000;

std::string history_path() {
    const char* home = std::getenv("HOME");
    return home == nullptr || *home == '\0' ? std::string() : std::string(home) + "/.netsh_history";
}

// A line with a pre-shared key is not remembered. The tag may be shortened; a key without a tag
// cannot be told from other values, so that any long line of `add rule` or `set rule` is left out.
bool holds_secret(const std::string& line) {
    const config::Result<std::vector<config::Token>> tokens = config::tokenize(line);
    if (!tokens) {
        return true;
    }
    std::size_t untagged = 0;
    for (const config::Token& token : *tokens) {
        if (token.tagged() && config::starts_with_ignoring_case("psk", token.tag)) {
            return true;
        }
        untagged += token.tagged() ? 0U : 1U;
    }
    return untagged > 9;
}

class Terminal {
  public:
    Terminal(Client& client, const Options& options, std::string prompt);
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    config::Result<bool> run();

  private:
    static char* prompt(EditLine* edit);
    static unsigned char complete(EditLine* edit, int key);
    unsigned char complete_line();
    void remember(const std::string& line);
    config::Result<void> execute(const std::string& line);

    Client& client_;
    const Options& options_;
    std::string prompt_;
    std::string path_ = history_path();
    EditLine* edit_;
    History* history_;
    HistEvent event_{};
    bool failed_ = false;
};

Terminal::Terminal(Client& client, const Options& options, std::string prompt)
    : client_(client),
      options_(options),
      prompt_(std::move(prompt)),
      edit_(el_init("netsh", stdin, stdout, stderr)),
      history_(history_init()) {
    el_set(edit_, EL_CLIENTDATA, this);
    el_set(edit_, EL_PROMPT, &Terminal::prompt);
    el_set(edit_, EL_EDITOR, "emacs");
    el_set(edit_, EL_SIGNAL, 1);
    el_set(edit_, EL_ADDFN, "netsh-complete", "Complete the word", &Terminal::complete);
    el_set(edit_, EL_BIND, "^I", "netsh-complete", nullptr);
    history(history_, &event_, H_SETSIZE, kHistoryLines);
    history(history_, &event_, H_SETUNIQUE, 1);
    el_set(edit_, EL_HIST, history, history_);
    if (!path_.empty()) {
        history(history_, &event_, H_LOAD, path_.c_str());
    }
}

Terminal::~Terminal() {
    if (!path_.empty()) {
        const mode_t mask = umask(S_IXUSR | S_IRWXG | S_IRWXO);
        history(history_, &event_, H_SAVE, path_.c_str());
        umask(mask);
    }
    history_end(history_);
    el_end(edit_);
}

char* Terminal::prompt(EditLine* edit) {
    Terminal* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return self->prompt_.data();
}

unsigned char Terminal::complete(EditLine* edit, int) {
    Terminal* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return self->complete_line();
}

unsigned char Terminal::complete_line() {
    const LineInfo* info = el_line(edit_);
    control::RequestMessage request;
    request.completion = true;
    request.line.assign(info->buffer, static_cast<std::size_t>(info->cursor - info->buffer));
    const std::size_t length = request.line.size();
    const config::Result<control::ResponseMessage> answer = client_.ask(std::move(request));
    if (!answer || answer->words.empty() || answer->from > length) {
        return CC_REFRESH_BEEP;
    }
    // What all candidates begin with can be typed for the operator.
    std::string common = answer->words.front();
    for (const std::string& word : answer->words) {
        const auto differs = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
        common.erase(differs.first, common.end());
    }
    const std::size_t typed = length - answer->from;
    const bool single = answer->words.size() == 1;
    if (single && !common.ends_with('=')) {
        common.push_back(' ');
    }
    if (single || common.size() > typed) {
        el_deletestr(edit_, static_cast<int>(typed));
        el_insertstr(edit_, common.c_str());
        return CC_REFRESH;
    }
    fmt::print("\n");
    for (const std::string& word : answer->words) {
        fmt::print("{}  ", word);
    }
    fmt::print("\n");
    std::fflush(stdout);
    return CC_REDISPLAY;
}

void Terminal::remember(const std::string& line) {
    if (!holds_secret(line)) {
        history(history_, &event_, H_ENTER, line.c_str());
    }
}

config::Result<void> Terminal::execute(const std::string& line) {
    control::RequestMessage request;
    request.line = line;
    request.json = options_.json;
    request.show_secrets = options_.show_secrets;
    config::Result<control::ResponseMessage> response = client_.ask(std::move(request));
    if (!response) {
        return response.error();
    }
    std::fwrite(response->text.data(), 1, response->text.size(), stdout);
    failed_ = failed_ || response->code != 0;
    prompt_ = std::move(response->prompt);
    return {};
}

config::Result<bool> Terminal::run() {
    int count = 0;
    while (const char* typed = el_gets(edit_, &count)) {
        std::string line(typed, static_cast<std::size_t>(std::max(count, 0)));
        while (line.ends_with('\n') || line.ends_with('\r')) {
            line.pop_back();
        }
        if (line.find_first_not_of(" \t") == std::string::npos) {
            continue;
        }
        remember(line);
        if (const std::optional<LocalCommand> local = local_command(line)) {
            if (local->end) {
                return !failed_;
            }
            const config::Result<bool> ran = run_file(client_, options_, local->file);
            if (!ran && ran.error().code == config::ErrorCode::kConnection) {
                return ran.error();
            }
            if (!ran) {
                fmt::print("{}\n", config::format_error(ran.error()));
            }
            failed_ = failed_ || !ran || !*ran;
            // The file may have changed the context; an empty line tells the prompt.
            line.clear();
        }
        if (const config::Result<void> executed = execute(line); !executed) {
            return executed.error();
        }
    }
    fmt::print("\n");
    return !failed_;
}

}  // namespace

config::Result<bool> run_interactive(Client& client, const Options& options, std::string prompt) {
    return Terminal(client, options, std::move(prompt)).run();
}

}  // namespace netsh
