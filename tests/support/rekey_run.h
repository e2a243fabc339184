// Traffic through a tunnel whose SAs are replaced all the time. Two gateways in memory; one thread
// passes packets both ways as fast as it can and looks at each that arrives; another runs two IKE
// engines over a wire that may lose their messages. Every packet must arrive, once, in order, and
// never leave a gateway in clear.
#pragma once

#include "config/methods.h"
#include "config/policy.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tests {

// Who asks for successors when a limit of bytes is near.
enum class RekeyAsked : std::uint8_t {
    kByInitiator,  // as the engine does by itself
    kByWest,       // the other never does
    kByBoth,       // at the same moment
};

struct RekeyPlan {
    std::string_view name;
    std::string_view method = "ESP[AESGCM128,NONE]";
    std::uint32_t lifetime_seconds = 0;
    std::uint32_t lifetime_kilobytes = 0;
    RekeyAsked asked = RekeyAsked::kByInitiator;
    unsigned margin_percent = 10;
    unsigned lost_percent = 0;    // of IKE's messages
    std::uint32_t qm_per_mm = 0;  // as config::MainModeTerms
    config::PfsGroup pfs = config::PfsGroup::kNone;
    // Bursts in each direction while the control thread has one turn, at most. Few: the outcome
    // does not depend on when the operating system lets which thread run.
    unsigned bursts_per_turn = 64;
    // Ends when it has run for so long and so many SA pairs were replaced.
    std::uint32_t seconds = 0;
    std::uint64_t rekeys = 1;
};

struct RekeyOutcome {
    // West to east, east to west.
    struct Direction {
        std::uint64_t sent = 0;
        std::uint64_t received = 0;
        std::uint64_t disordered = 0;  // not the number that was next
        std::uint64_t clear = 0;       // between the gateways without ESP
        std::uint64_t changes = 0;     // of SPI, on the wire
    };
    std::array<Direction, 2> directions;
    double seconds = 0;
    std::uint64_t rekeys = 0;  // quick modes beyond the first
    std::uint64_t main_modes = 0;
    std::uint64_t messages = 0;
    std::uint64_t messages_lost = 0;
    std::uint64_t waited = 0;  // packets that found no SA
    std::uint64_t drops = 0;
    bool is_conserved = true;
    // SAs added by each gateway, and what it should have: four for each pair of two.
    std::uint64_t sas_added = 0;
    std::uint64_t sas_negotiated = 0;
    std::string drop_report;
    std::vector<std::string> failures;  // of negotiations

    // Empty if nothing was lost, nothing out of policy and every SA is accounted for.
    [[nodiscard]] std::string complaint() const;
};

[[nodiscard]] RekeyOutcome run_rekeys(const RekeyPlan& plan);

}  // namespace tests
