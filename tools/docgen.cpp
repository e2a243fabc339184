// Writes the pages of docs/ that restate tables of the code, or checks that the committed ones are
// up to date. Leaves out everything a person writes.
//
// usage: docgen [--check] DIRECTORY
#include "config/algorithms.h"
#include "config/command.h"
#include "config/error_code.h"
#include "config/value.h"
#include "dataplane/drop_reason.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <iostream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view kGenerated =
    "<!-- Written by tools/docgen from the tables of the code. Do not edit. -->\n\n";

std::string_view yes_no(bool value) {
    return value ? "yes" : "no";
}

std::string counters_page() {
    std::string page{kGenerated};
    page +=
        "# Why a packet was dropped\n\n"
        "Every dropped packet is counted under exactly one of these reasons; `netsh ipsec "
        "dynamic show drops`\nprints the counts. What comes in equals what goes out plus these "
        "numbers plus what is held, was\nhanded to the kernel or became part of a reassembled "
        "packet.\n\n"
        "| reason | meaning |\n| --- | --- |\n";
    for (const dataplane::DropReasonRow& row : dataplane::kDropReasons) {
        page += fmt::format("| `{}` | {} |\n", row.token, row.help);
    }
    return page;
}

std::string number_as_printed(const config::ErrorCodeRow& row) {
    switch (row.form) {
        case config::ErrorForm::kIpsec:
            return fmt::format("`ERR IPsec[{:05}]`", row.number);
        case config::ErrorForm::kWin32:
            return fmt::format("`ERR Win32[{:05}]`", row.number);
        case config::ErrorForm::kUsage:
            return "bare, with the command's usage";
        case config::ErrorForm::kPlain:
            return "bare";
    }
    return {};
}

std::string errors_page() {
    std::string page{kGenerated};
    page +=
        "# Errors\n\n"
        "An error is one line on standard output, and the exit code is 1. Scripts should look for "
        "the\n"
        "code, never for the text. Codes below 05500 mean what they mean on Windows; codes from "
        "05500 are\n"
        "ours and keep their meaning.\n\n"
        "| printed as | meaning |\n| --- | --- |\n";
    for (const config::ErrorCodeRow& row : config::kErrorCodes) {
        page += fmt::format("| {} | {} |\n", number_as_printed(row), row.meaning);
    }
    return page;
}

// IKEv1's number for an algorithm, if it has one.
std::string id_or_none(unsigned id) {
    return id == 0 ? "-" : fmt::format("{}", id);
}

std::string algorithms_page() {
    std::string page{kGenerated};
    page +=
        "# Algorithms\n\n"
        "What `mmsecmethods` (main mode) and `qmsecmethods` (quick mode) may name. Weak ones are "
        "honoured; the\n"
        "command that names one prints a warning.\n\n"
        "## Ciphers\n\n"
        "| token | main mode | quick mode | own integrity | weak | key, salt, IV bytes | ICV bytes "
        "| "
        "ESP transform | defined in |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (const config::CipherRow& row : config::kCiphers) {
        page += fmt::format("| `{}` | {} | {} | {} | {} | {}, {}, {} | {} | {} | {} |\n",
                            row.token,
                            yes_no(row.main_mode),
                            yes_no(row.quick_mode),
                            yes_no(row.aead),
                            yes_no(row.weak),
                            row.bytes.key,
                            row.bytes.salt,
                            row.bytes.iv,
                            row.bytes.icv,
                            id_or_none(row.ids.esp),
                            row.rfc);
    }
    page +=
        "\n## Hashes\n\n"
        "| token | main mode | quick mode | weak | key, salt, IV bytes | ICV bytes | "
        "IKE authentication | defined in |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (const config::HashRow& row : config::kHashes) {
        page += fmt::format("| `{}` | {} | {} | {} | {}, {}, {} | {} | {} | {} |\n",
                            row.token,
                            yes_no(row.main_mode),
                            yes_no(row.quick_mode),
                            yes_no(row.weak),
                            row.bytes.key,
                            row.bytes.salt,
                            row.bytes.iv,
                            row.bytes.icv,
                            id_or_none(row.ids.authentication),
                            row.rfc);
    }
    page +=
        "\n## Diffie-Hellman groups\n\n"
        "Note the third row: `3` is IKE group 14.\n\n"
        "| written | IKE group | bits | weak | defined in |\n"
        "| --- | --- | --- | --- | --- |\n";
    for (const config::DhGroupRow& row : config::kDhGroups) {
        page += fmt::format("| `{}` | {} | {} | {} | {} |\n",
                            row.netsh_group,
                            row.ike_group,
                            row.bits,
                            yes_no(row.weak),
                            row.rfc);
    }
    return page;
}

// A cell of a Markdown table ends at a bar.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') {
            out += '\\';
        }
        out += c;
    }
    return out;
}

std::string value_of(const config::ParameterSpec& parameter) {
    if (parameter.type == config::ValueType::kWord) {
        return "the bare word";
    }
    return fmt::format("`{}`", cell(config::row_of(parameter.type).placeholder));
}

std::string presence_of(const config::ParameterSpec& parameter) {
    std::string text = parameter.alternative ? "or" : parameter.required ? "required" : "optional";
    if (parameter.repeatable) {
        text += ", repeatable";
    }
    return text;
}

std::string parameter_table(std::span<const config::ParameterSpec> parameters) {
    if (parameters.empty()) {
        return "No parameters.\n\n";
    }
    std::string text = "| tag | value | | default | meaning |\n| --- | --- | --- | --- | --- |\n";
    for (const config::ParameterSpec& parameter : parameters) {
        text += fmt::format("| `{}` | {} | {} | {} | {} |\n",
                            parameter.tag,
                            value_of(parameter),
                            presence_of(parameter),
                            cell(parameter.default_value),
                            cell(parameter.help));
    }
    return text + '\n';
}

std::string command_section(std::string_view context, const config::CommandSpec& spec) {
    std::string text = fmt::format("### {} {}\n\n{}\n\n", context, spec.words(), spec.summary);
    text += parameter_table(spec.parameters);
    for (const std::string_view remark : spec.remarks) {
        text += fmt::format("* {}\n", remark);
    }
    if (!spec.remarks.empty()) {
        text += '\n';
    }
    if (!spec.examples.empty()) {
        text += "```\n";
        for (const std::string_view example : spec.examples) {
            text += fmt::format("netsh ipsec {} {}\n", context, example);
        }
        text += "```\n\n";
    }
    return text;
}

std::string reference_page() {
    std::string page{kGenerated};
    page +=
        "# Command reference\n\n"
        "Words and tags may be shortened. `tag=value` in any order; a value without a tag fills "
        "the first\nparameter, in the order of the table, that no tag fills. A parameter marked "
        "`or` shares the place of\nthe one above it. Names are case-sensitive; words, tags and "
        "keywords are not.\n\n"
        "`netsh --json` in front of a show command prints it for programs.\n\n";
    struct ContextRow {
        config::Context context;
        std::string_view word;
        std::string_view text;
    };
    static constexpr auto kContexts = std::to_array<ContextRow>({
        {config::Context::kStatic,
         "static",
         "The stored policies. A change of the assigned policy is in force when the command "
         "returns."},
        {config::Context::kDynamic,
         "dynamic",
         "The running configuration: in force at once, lost when the daemon stops."},
    });
    for (const ContextRow& row : kContexts) {
        page += fmt::format("## {}\n\n{}\n\n", row.word, row.text);
        for (const config::CommandSpec& spec : config::command_rows(row.context)) {
            page += command_section(row.word, spec);
        }
    }
    page.pop_back();  // one newline at the end of the file
    return page;
}

struct Page {
    std::string_view file;
    std::string (*text)();
};

constexpr auto kPages = std::to_array<Page>({
    {"counters.md", counters_page},
    {"errors.md", errors_page},
    {"algorithms.md", algorithms_page},
    {"netsh-reference.md", reference_page},
});

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// The number of pages that are out of date.
int check(const std::string& directory) {
    int stale = 0;
    for (const Page& page : kPages) {
        const std::string path = fmt::format("{}/{}", directory, page.file);
        if (read_file(path) != page.text()) {
            std::cout << path << " is out of date: run docgen " << directory << '\n';
            ++stale;
        }
    }
    return stale;
}

bool write(const std::string& directory) {
    for (const Page& page : kPages) {
        const std::string path = fmt::format("{}/{}", directory, page.file);
        std::ofstream out(path, std::ios::binary);
        out << page.text();
        out.close();
        if (!out) {
            std::cerr << path << " cannot be written\n";
            return false;
        }
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const bool checking = argc == 3 && std::string_view{argv[1]} == "--check";
    if (!checking && argc != 2) {
        std::cerr << "usage: docgen [--check] DIRECTORY\n";
        return 2;
    }
    if (checking) {
        return check(argv[2]) == 0 ? 0 : 1;
    }
    return write(argv[1]) ? 0 : 1;
}
