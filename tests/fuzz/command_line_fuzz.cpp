// Any line in any context: it resolves to something, errors say something, help and completion
// render, and what the method parsers accept survives its canonical form.
#include "config/command_line.h"
#include "config/completion.h"
#include "config/methods.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

template <typename Offers>
void require_round_trip(const Offers& offers, config::Result<Offers> (*parse)(std::string_view)) {
    const config::Result<Offers> again = parse(config::to_string(offers));
    require(again.ok() && *again == offers);
}

void check_arguments(const config::ParsedCommand& command) {
    require(command.spec != nullptr);
    for (const config::Argument& argument : command.arguments.in_order()) {
        require(argument.parameter != nullptr);
        if (const auto* mm = std::get_if<std::vector<config::MmOffer>>(&argument.value)) {
            require_round_trip(*mm, config::parse_mm_methods);
        } else if (const auto* qm = std::get_if<std::vector<config::QmOffer>>(&argument.value)) {
            require_round_trip(*qm, config::parse_qm_methods);
        } else if (const auto* auth = std::get_if<config::AuthMethod>(&argument.value)) {
            const auto again = config::parse_root_ca(config::root_ca_text(*auth));
            require(!again.ok() || again->root_ca == auth->root_ca);
        } else if (argument.parameter->type == config::ValueType::kHexKey) {
            const config::SecretBytes& key = std::get<config::SecretBytes>(argument.value);
            require(!key.empty() && key.size() <= 128);
        }
    }
    (void)command.arguments.auth_methods();
}

void check_line(config::Context context, const std::string& line) {
    const config::ResolvedLine resolved = config::resolve_line(context, line);
    if (const auto* error = std::get_if<config::LineError>(&resolved)) {
        require(!error->error.text.empty() && !error->text().empty());
    } else if (const auto* command = std::get_if<config::ParsedCommand>(&resolved)) {
        check_arguments(*command);
    } else if (const auto* help = std::get_if<config::HelpText>(&resolved)) {
        require(!help->text.empty());
    }
    require(config::complete(context, line).replace_from <= line.size());
}

}  // namespace

// The input is a line in each context, and also a list of methods and an address.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string line(reinterpret_cast<const char*>(data), size);
    for (const config::Context context : {config::Context::kRoot,
                                          config::Context::kIpsec,
                                          config::Context::kStatic,
                                          config::Context::kDynamic}) {
        check_line(context, line);
    }
    if (const auto mm = config::parse_mm_methods(line)) {
        require_round_trip(*mm, config::parse_mm_methods);
    }
    if (const auto qm = config::parse_qm_methods(line)) {
        require_round_trip(*qm, config::parse_qm_methods);
    }
    if (const auto sa = config::parse_sa_method(line)) {
        const auto same = config::parse_qm_methods(line);
        require(same.ok() && same->size() == 1
                && config::algorithms_text(same->front()) == config::algorithms_text(*sa));
    }
    if (const auto address = config::parse_address_syntax(line)) {
        require(address->needs_resolving()
                || config::combine_filter_address(*address, std::nullopt, {}).ok()
                || address->prefix_length == 0);
    }
    return 0;
}
