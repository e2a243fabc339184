// What the engine holds, as the plain values of control/ike/report.h.
#pragma once

#include "control/ike/core.h"

namespace control::ike {

[[nodiscard]] Report report_of(const Core& core, Time now);
[[nodiscard]] ChildReport report_of(const ChildSa& child, Time now);

}  // namespace control::ike
