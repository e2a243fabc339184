#include "control/session.h"

#include <utility>

namespace control {

namespace {

Session::Outcome failure(std::string text) {
    text.push_back('\n');
    return {std::nullopt, false, std::move(text)};
}

}  // namespace

std::string Session::prompt() const {
    const std::string_view path = config::context_path(context_);
    std::string prompt = "netsh";
    if (!path.empty()) {
        prompt.push_back(' ');
        prompt.append(path);
    }
    prompt.push_back('>');
    return prompt;
}

Session::Outcome Session::run(const config::SessionCommand& command) {
    switch (command.verb) {
        case config::SessionVerb::kUp:
            context_ = command.context;
            return {};
        case config::SessionVerb::kPushd:
            if (pushed_.size() == kMaxPushed) {
                return failure("pushd: 64 contexts are pushed already; popd was expected.");
            }
            pushed_.push_back(context_);
            context_ = command.context;
            return {};
        case config::SessionVerb::kPopd:
            if (pushed_.empty()) {
                return failure("popd: no context has been pushed.");
            }
            context_ = pushed_.back();
            pushed_.pop_back();
            return {};
        case config::SessionVerb::kExit:
            return {};
        case config::SessionVerb::kExec:
            // The daemon reads no file on behalf of a client.
            return failure("exec: the client reads the file and sends its lines.");
    }
    return {};
}

Session::Outcome Session::interpret(std::string_view line) {
    struct Visitor {
        Session& session;

        Outcome operator()(config::EmptyLine&) const { return {}; }
        Outcome operator()(config::EnterContext& enter) const {
            session.context_ = enter.context;
            return {};
        }
        Outcome operator()(config::ParsedCommand& command) const {
            return {std::move(command), true, {}};
        }
        Outcome operator()(config::HelpText& help) const {
            return {std::nullopt, help.asked, std::move(help.text)};
        }
        Outcome operator()(config::SessionCommand& command) const { return session.run(command); }
        Outcome operator()(config::LineError& error) const { return failure(error.text()); }
    };
    config::ResolvedLine resolved = config::resolve_line(context_, line);
    return std::visit(Visitor{*this}, resolved);
}

}  // namespace control
