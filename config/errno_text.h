// What the operating system says of a value of errno; safe in any thread, unlike strerror().
#pragma once

#include <string>

namespace config {

[[nodiscard]] std::string errno_text(int code);

}  // namespace config
