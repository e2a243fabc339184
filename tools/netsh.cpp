// netsh: the operator's client. Sends command lines to the daemon and prints the answers, errors
// included, on standard output; the exit code is 1 if any line failed. The daemon holds the
// session; only exec, bye and the reading of files happen here.
#include "config/command_line.h"
#include "config/result.h"
#include "tools/netsh_client.h"
#include "tools/netsh_interactive.h"
#include "tools/netsh_options.h"
#include "tools/netsh_script.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <unistd.h>
#include <utility>
#include <variant>

namespace netsh {

namespace {

int fail(const config::Error& error) {
    fmt::print("{}\n", config::format_error(error));
    return 1;
}

// The grammar is linked in, so that help needs no daemon.
bool print_offline_help(const Options& options) {
    config::Context context = config::Context::kRoot;
    if (!options.context.empty()) {
        const config::ResolvedLine resolved = config::resolve_line(context, options.context);
        if (const auto* enter = std::get_if<config::EnterContext>(&resolved)) {
            context = enter->context;
        }
    }
    const config::ResolvedLine resolved = config::resolve_line(context, join_words(options.words));
    const auto* help = std::get_if<config::HelpText>(&resolved);
    if (help == nullptr || !help->asked) {
        return false;
    }
    fmt::print("{}", help->text);
    return true;
}

config::Result<control::ResponseMessage> ask(Client& client,
                                             const Options& options,
                                             std::string line,
                                             bool once) {
    control::RequestMessage request;
    request.line = std::move(line);
    request.json = options.json;
    request.show_secrets = options.show_secrets;
    request.once = once;
    return client.ask(std::move(request));
}

int run_command(Client& client, const Options& options, const std::string& prompt) {
    const std::string line = join_words(options.words);
    if (const std::optional<LocalCommand> local = local_command(line)) {
        if (local->end) {
            return 0;
        }
        const config::Result<bool> ran = run_file(client, options, local->file);
        return ran ? (*ran ? 0 : 1) : fail(ran.error());
    }
    config::Result<control::ResponseMessage> response = ask(client, options, line, true);
    if (response && response->code == 0 && response->text.empty() && response->prompt != prompt) {
        // The words named a context. At a shell that asks for the list of its commands.
        response = ask(client, options, "?", true);
    }
    if (!response) {
        return fail(response.error());
    }
    std::fwrite(response->text.data(), 1, response->text.size(), stdout);
    return response->code == 0 ? 0 : 1;
}

int run(const Options& options) {
    if (options.help) {
        fmt::print("{}", usage());
        return 0;
    }
    Client client;
    if (const config::Result<void> connected = client.connect(options.socket); !connected) {
        return !options.words.empty() && print_offline_help(options) ? 0 : fail(connected.error());
    }
    // An empty line has no effect; its answer brings the prompt, or says why we are refused.
    const config::Result<control::ResponseMessage> start =
        ask(client, options, options.context, false);
    if (!start) {
        return fail(start.error());
    }
    if (start->code != 0) {
        fmt::print("{}", start->text);
        return 1;
    }
    if (!options.words.empty()) {
        return run_command(client, options, start->prompt);
    }
    config::Result<bool> ran = false;
    if (!options.script.empty() && options.script != "-") {
        ran = run_file(client, options, options.script);
    } else if (!options.script.empty() || isatty(STDIN_FILENO) == 0) {
        ran = run_script(client, options, STDIN_FILENO, "standard input");
    } else {
        ran = run_interactive(client, options, start->prompt);
    }
    return ran ? (*ran ? 0 : 1) : fail(ran.error());
}

}  // namespace

}  // namespace netsh

int main(int argc, char** argv) {
    const config::Result<netsh::Options> options =
        netsh::parse_options({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
    const int code = options ? netsh::run(*options) : netsh::fail(options.error());
    // Output that could not be written is not success.
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? code : 1;
}
