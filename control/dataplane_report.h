// The counters of all workers, of control and of the devices, summed for listings.
#pragma once

#include "control/dataplane_handle.h"
#include "dataplane/dataplane.h"

namespace control {

// Without `revision` and `rows`, which are the publisher's. Any thread.
[[nodiscard]] DataplaneReport make_report(const dataplane::Dataplane& dataplane);

}  // namespace control
