// Rekeys under load: traffic at full rate through tunnels whose SAs are replaced every second or
// two, by time, by kilobytes and by both. Every packet must arrive. Ends with 1 if one did not.
#include "tests/support/rekey_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

using tests::RekeyAsked;
using tests::RekeyOutcome;
using tests::RekeyPlan;

constexpr std::string_view kCbc = "ESP[AES128,SHA1]";
constexpr double kSecondsPerSa = 1.5;  // what the limits in kilobytes are to mean
constexpr std::uint32_t kLifetimeSeconds = 3;

// What one direction carries in a second, measured in short.
std::uint32_t kilobytes_per_second(std::string_view method) {
    RekeyPlan plan;
    plan.method = method;
    plan.lifetime_kilobytes = 200'000;
    const RekeyOutcome outcome = tests::run_rekeys(plan);
    return static_cast<std::uint32_t>(static_cast<double>(outcome.directions[0].received)
                                      / outcome.seconds);
}

std::vector<RekeyPlan> plans(std::uint32_t seconds) {
    const auto limit_of = [](std::string_view method) {
        return static_cast<std::uint32_t>(kSecondsPerSa * kilobytes_per_second(method));
    };
    RekeyPlan time;
    time.name = "by time";
    time.lifetime_seconds = kLifetimeSeconds;
    RekeyPlan bytes;
    bytes.name = "by kilobytes";
    bytes.lifetime_kilobytes = limit_of(time.method);
    RekeyPlan time_cbc = time;
    RekeyPlan bytes_cbc = bytes;
    time_cbc.method = bytes_cbc.method = kCbc;
    bytes_cbc.lifetime_kilobytes = limit_of(kCbc);
    RekeyPlan both = bytes;
    both.name = "by both";
    both.lifetime_seconds = kLifetimeSeconds;
    RekeyPlan one_side = bytes;
    one_side.name = "one side asks";
    one_side.asked = RekeyAsked::kByWest;
    RekeyPlan at_once = both;
    at_once.name = "both sides ask at once";
    at_once.asked = RekeyAsked::kByBoth;
    RekeyPlan lossy = time;
    lossy.name = "IKE loses 5 % of its messages";
    lossy.lost_percent = 5;
    lossy.lifetime_seconds = 5;
    lossy.margin_percent = 30;
    RekeyPlan main_modes = both;
    main_modes.name = "new main mode each, PFS";
    main_modes.qm_per_mm = 1;
    main_modes.pfs = config::PfsGroup::kGroupMm;
    std::vector<RekeyPlan> all{
        time, time_cbc, bytes, bytes_cbc, both, one_side, at_once, lossy, main_modes};
    const auto share = static_cast<std::uint32_t>(seconds / all.size());
    for (RekeyPlan& plan : all) {
        plan.seconds = std::max(share, 1U);
    }
    return all;
}

void print_header() {
    fmt::print("{:<30} {:<20} {:>7} {:>6} {:>6} {:>6} {:>12} {:>9} {:>6}\n",
               "rekeys",
               "method",
               "seconds",
               "rekeys",
               "main",
               "IKE",
               "packets",
               "packets/s",
               "lost");
}

bool run(const RekeyPlan& plan) {
    const RekeyOutcome outcome = tests::run_rekeys(plan);
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    for (const RekeyOutcome::Direction& direction : outcome.directions) {
        sent += direction.sent;
        received += direction.received;
    }
    fmt::print("{:<30} {:<20} {:>7.1f} {:>6} {:>6} {:>6} {:>12} {:>9.0f} {:>6}\n",
               plan.name,
               plan.method,
               outcome.seconds,
               outcome.rekeys,
               outcome.main_modes,
               outcome.messages,
               received,
               static_cast<double>(received) / outcome.seconds,
               sent - received);
    const std::string complaint = outcome.complaint();
    if (!complaint.empty()) {
        fmt::print("    {}\n", complaint);
    }
    std::cout.flush();
    return complaint.empty();
}

int run_all(std::uint32_t seconds) {
    print_header();
    bool good = true;
    for (const RekeyPlan& plan : plans(seconds)) {
        good = run(plan) && good;
    }
    fmt::print("{}\n", good ? "no packet was lost" : "PACKETS WERE LOST, or sent out of policy");
    return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run_all(argc > 1 ? static_cast<std::uint32_t>(std::stoul(argv[1])) : 600);
    } catch (const std::exception& error) {
        static_cast<void>(std::fprintf(stderr, "rekey_soak: %s\n", error.what()));
        return 2;
    }
}
