#include "control/ike/engine_report.h"

#include "control/ike/main_mode.h"

#include <algorithm>

namespace control::ike {
namespace {

std::uint64_t whole_seconds(Time::duration duration) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, seconds));
}

MainModeReport report_of(const IsakmpSa& sa, Time now) {
    MainModeReport report;
    report.initiator = sa.cookie_i;
    report.responder = sa.cookie_r;
    report.local = sa.local;
    report.remote = sa.remote;
    report.is_initiator = sa.initiator;
    report.state = sa.state;
    report.step = sa.established_now() ? std::string_view() : awaited_message(sa);
    report.policy_name = sa.terms->main_mode.policy_name;
    report.offer = sa.offer;
    report.authentication = sa.authentication == AuthenticationMethod::kRsaSignature
                                ? config::AuthKind::kRootCa
                                : config::AuthKind::kPresharedKey;
    report.local_id = sa.local_id.type == 0 ? std::string() : to_string(sa.local_id);
    report.remote_id = sa.remote_name;
    report.nat = sa.nat;
    report.age_seconds = whole_seconds(now - (sa.established_now() ? sa.established : sa.created));
    if (sa.ends_at) {
        report.seconds_left = whole_seconds(*sa.ends_at - now);
    }
    if (sa.rekey_at) {
        report.rekey_in_seconds = whole_seconds(*sa.rekey_at - now);
    }
    report.quick_modes = sa.quick_modes;
    report.quick_mode_limit = sa.terms->main_mode.qm_per_mm;
    report.silent_seconds = whole_seconds(now - sa.heard);
    for (const VendorRow& row : vendor_rows()) {
        if (sa.has(row.vendor)) {
            report.vendors.emplace_back(row.name);
        }
    }
    return report;
}

}  // namespace

Report report_of(const Core& core, Time now) {
    std::vector<const IsakmpSa*> oldest_first;
    oldest_first.reserve(core.sas.size());
    for (const auto& [id, sa] : core.sas.all()) {
        oldest_first.push_back(sa.get());
    }
    std::ranges::sort(oldest_first, {}, &IsakmpSa::id);
    Report report;
    report.main_modes.reserve(oldest_first.size());
    for (const IsakmpSa* sa : oldest_first) {
        report.main_modes.push_back(report_of(*sa, now));
    }
    report.failures = core.failures.report(now);
    return report;
}

ChildReport report_of(const ChildSa& child, Time now) {
    ChildReport report;
    report.child = child.id;
    report.initiator = child.cookie_i;
    report.responder = child.cookie_r;
    report.is_initiator = child.initiator;
    report.selector = child.selector;
    report.policy_name = child.terms->quick_mode.policy_name;
    report.offer = child.offer;
    report.mode = child.mode;
    report.pfs_group = child.pfs_group;
    report.traffic = child.traffic;
    report.age_seconds = whole_seconds(now - child.created);
    if (child.rekey_at) {
        report.rekey_in_seconds = whole_seconds(*child.rekey_at - now);
    }
    report.replaced = child.replaced;
    return report;
}

}  // namespace control::ike
