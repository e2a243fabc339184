// Traffic while IKE replaces the SAs that carry it: nothing is lost, nothing leaves in clear. The
// same for minutes and at full rate: `tools/test rekey-load`.
#include "tests/support/rekey_run.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace tests {

static void PrintTo(const RekeyPlan& plan, std::ostream* out) {
    *out << plan.name;
}

}  // namespace tests

namespace {

using tests::RekeyAsked;
using tests::RekeyOutcome;
using tests::RekeyPlan;

class RekeyLoad : public ::testing::TestWithParam<RekeyPlan> {};

TEST_P(RekeyLoad, LosesNoPacketAndSendsNoneInClear) {
    const RekeyOutcome outcome = tests::run_rekeys(GetParam());
    EXPECT_EQ(outcome.complaint(), "");
    EXPECT_GE(outcome.rekeys, GetParam().rekeys);
}

RekeyPlan plan(std::string_view name) {
    RekeyPlan plan;
    plan.name = name;
    plan.bursts_per_turn = 4;
    plan.rekeys = 3;
    return plan;
}

std::vector<RekeyPlan> plans() {
    RekeyPlan by_time = plan("ByTime");
    by_time.lifetime_seconds = 3;
    by_time.rekeys = 1;
    RekeyPlan by_kilobytes = plan("ByKilobytes");
    by_kilobytes.lifetime_kilobytes = 32'000;
    RekeyPlan cbc = by_kilobytes;
    cbc.name = "ByKilobytesWithCbc";
    cbc.method = "ESP[AES128,SHA1]";
    RekeyPlan one_side = by_kilobytes;
    one_side.name = "AskedByOneSide";
    one_side.asked = RekeyAsked::kByWest;
    RekeyPlan both_sides = by_kilobytes;
    both_sides.name = "AskedByBothSidesAtOnce";
    both_sides.asked = RekeyAsked::kByBoth;
    RekeyPlan lossy = plan("WhileMessagesAreLost");
    lossy.lifetime_seconds = 4;
    lossy.margin_percent = 30;
    lossy.lost_percent = 5;
    lossy.rekeys = 1;
    RekeyPlan main_modes = by_kilobytes;
    main_modes.name = "WithANewMainModeEach";
    main_modes.qm_per_mm = 1;
    main_modes.pfs = config::PfsGroup::kGroupMm;
    return {by_time, by_kilobytes, cbc, one_side, both_sides, lossy, main_modes};
}

INSTANTIATE_TEST_SUITE_P(Plans, RekeyLoad, ::testing::ValuesIn(plans()), [](const auto& row) {
    return std::string(row.param.name);
});

}  // namespace
