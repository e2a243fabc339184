#include "control/completion.h"

#include "config/completion.h"
#include "config/token.h"
#include "control/controller.h"

#include <utility>

namespace control {

CompletionAnswer complete_line(const Controller& controller,
                               const Session& session,
                               std::string_view line) {
    config::Completion completion = config::complete(session.context(), line);
    CompletionAnswer answer;
    answer.from = completion.replace_from;
    answer.words = std::move(completion.candidates);
    for (const std::string& name : controller.object_names(completion.object)) {
        if (name.starts_with(completion.prefix)) {
            answer.words.push_back(config::quote(name));
        }
    }
    return answer;
}

}  // namespace control
