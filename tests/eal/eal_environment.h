// EAL for the whole test program: started once, without hugepages, PCI and files.
#pragma once

#include "dataplane/eal.h"

namespace tests {

[[nodiscard]] const dataplane::Eal& eal();

}  // namespace tests
