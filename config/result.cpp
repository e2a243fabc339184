#include "config/result.h"

#include <fmt/format.h>

namespace config {

std::string format_error(const Error& error) {
    const ErrorCodeRow& row = row_of(error.code);
    switch (row.form) {
        case ErrorForm::kIpsec:
            return fmt::format("ERR IPsec[{:05}] : {}", row.number, error.text);
        case ErrorForm::kWin32:
            return fmt::format("ERR Win32[{:05}] : {}", row.number, error.text);
        case ErrorForm::kUsage:
        case ErrorForm::kPlain:
            break;
    }
    return error.text;
}

}  // namespace config
