#include "config/errno_text.h"

#include <system_error>

namespace config {

std::string errno_text(int code) {
    return std::generic_category().message(code);
}

}  // namespace config
