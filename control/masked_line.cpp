#include "control/masked_line.h"

#include "config/token.h"

#include <variant>
#include <vector>

namespace control {

std::string masked_line(const std::string& line, const config::Arguments& arguments) {
    const config::Result<std::vector<config::Token>> tokens = config::tokenize(line);
    if (!tokens || tokens->size() < arguments.in_order().size()) {
        return {};
    }
    const std::size_t words = tokens->size() - arguments.in_order().size();
    std::string masked;
    for (std::size_t i = 0; i < tokens->size(); ++i) {
        const config::Token& token = (*tokens)[i];
        if (!masked.empty()) {
            masked.push_back(' ');
        }
        if (token.tagged()) {
            masked += token.tag + "=";
        }
        const bool hide =
            i >= words
            && std::holds_alternative<config::SecretBytes>(arguments.in_order()[i - words].value);
        masked += hide ? std::string("****") : config::quote(token.value);
    }
    return masked;
}

}  // namespace control
