// dynamic show mmsas: main mode SAs, and why the last negotiation with a peer failed.
#include "control/address_selection.h"
#include "control/commands.h"
#include "control/describe.h"
#include "control/describe_ike.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace control {

namespace {

using config::Arguments;
using config::Result;
using ike::FailureReport;
using ike::MainModeReport;
using ike::MainModeState;

struct WordRow {
    std::string_view shown;
    std::string_view token;
};

// In the order of the enumerators.
constexpr std::array<WordRow, 4> kStates{{
    {"NEGOTIATING", "negotiating"},
    {"ESTABLISHED", "established"},
    {"REPLACED", "replaced"},
    {"PEER DOES NOT ANSWER", "dead-peer"},
}};
constexpr std::array<WordRow, 4> kNatSituations{{
    {"NONE", "none"},
    {"THIS GATEWAY IS BEHIND ONE", "local"},
    {"THE PEER IS BEHIND ONE", "remote"},
    {"BOTH ARE BEHIND ONE", "both"},
}};
constexpr std::array<WordRow, 3> kAuthentications{{
    {"Kerberos", "kerberos"},
    {"Preshared Key", "psk"},
    {"Root CA", "rootca"},
}};

template <typename Rows, typename Enum>
const WordRow& word_of(const Rows& rows, Enum value) {
    return rows[static_cast<std::size_t>(value)];
}

std::string end_text(const ike::Endpoint& end) {
    return fmt::format("{} port {}", end.address.to_string(), end.port);
}

void describe_ends(Listing& listing, const MainModeReport& sa) {
    listing.text("Local", {}, end_text(sa.local));
    listing.text("Remote", {}, end_text(sa.remote));
    listing.text({}, "local", sa.local.address.to_string());
    listing.number({}, "local_port", sa.local.port);
    listing.text({}, "remote", sa.remote.address.to_string());
    listing.number({}, "remote_port", sa.remote.port);
}

void describe_state(Listing& listing, const MainModeReport& sa) {
    const WordRow& state = word_of(kStates, sa.state);
    const bool waits = sa.state == MainModeState::kNegotiating && !sa.step.empty();
    listing.text_as("State",
                    "state",
                    waits ? fmt::format("{}, waits for {}", state.shown, sa.step) : state.shown,
                    state.token);
    listing.text({}, "step", sa.step);
}

// What both have agreed on; while they negotiate there is nothing yet.
void describe_agreement(Listing& listing, const MainModeReport& sa) {
    if (sa.state == MainModeState::kNegotiating) {
        listing.text_as("Security Method", "method", "NOT YET", "");
        listing.text_as("Authentication", "authentication", "NOT YET", "");
        return;
    }
    const WordRow& authentication = word_of(kAuthentications, sa.authentication);
    listing.text("Security Method", "method", config::to_string(sa.offer));
    listing.text_as("Authentication", "authentication", authentication.shown, authentication.token);
}

void describe_life(Listing& listing, const MainModeReport& sa) {
    listing.number("Seconds Left", "seconds_left", sa.seconds_left);
    if (sa.state == MainModeState::kNegotiating) {
        listing.null_as("Next Rekey", "rekey_in_seconds", "NOT YET");
    } else {
        describe_rekey(listing, "Next Rekey", sa.rekey_in_seconds);
    }
    listing.number_as("Quick Modes",
                      "quick_modes",
                      sa.quick_mode_limit == 0
                          ? fmt::format("{} (NO LIMIT)", sa.quick_modes)
                          : fmt::format("{} of {}", sa.quick_modes, sa.quick_mode_limit),
                      sa.quick_modes);
    listing.number({}, "quick_mode_limit", sa.quick_mode_limit);
    listing.number("Seconds Silent", "silent_seconds", sa.silent_seconds);
}

void describe(Listing& listing, const MainModeReport& sa, std::int64_t now) {
    const WordRow& nat = word_of(kNatSituations, sa.nat);
    listing.begin_record();
    describe_time(listing, "Created", "created", now - static_cast<std::int64_t>(sa.age_seconds));
    listing.number("Age in Seconds", "age_seconds", sa.age_seconds);
    describe_ends(listing, sa);
    describe_cookies(listing, "Cookies", sa.initiator, sa.responder);
    describe_role(listing, "Role", sa.is_initiator);
    describe_state(listing, sa);
    listing.text_or_none("Policy Name", "policy", sa.policy_name);
    describe_agreement(listing, sa);
    listing.text_or_none("Local Identity", "local_id", sa.local_id);
    listing.text_or_none("Remote Identity", "remote_id", sa.remote_id);
    listing.text_as("NAT", "nat", nat.shown, nat.token);
    describe_life(listing, sa);
    listing.text_or_none(
        "Peer Announces", "vendors", fmt::format("{}", fmt::join(sa.vendors, ", ")));
    listing.end_record();
}

// Few enough columns to be read.
void describe_row(Listing& listing, const MainModeReport& sa) {
    listing.begin_record();
    listing.text("Local", {}, sa.local.address.to_string());
    listing.text("Remote", {}, sa.remote.address.to_string());
    describe_cookies(listing, "Cookies", sa.initiator, sa.responder);
    describe_role(listing, "Role", sa.is_initiator);
    describe_state(listing, sa);
    describe_agreement(listing, sa);
    listing.number("Seconds Left", {}, sa.seconds_left);
    listing.end_record();
}

void describe(Listing& listing, const FailureReport& report, std::int64_t now) {
    const ike::Failure& failure = report.failure;
    listing.begin_record();
    listing.text("Local", "local", failure.local.to_string());
    listing.text("Remote", "remote", failure.remote.to_string());
    describe_time(
        listing, "Last Failure", "failed", now - static_cast<std::int64_t>(report.seconds_ago));
    listing.number("Seconds Ago", "seconds_ago", report.seconds_ago);
    listing.number("Failures in a Row", "count", report.count);
    listing.text("Phase", "phase", failure.phase);
    listing.text("Reason", "reason", failure.reason);
    listing.end_record();
}

// Neither end of a main mode is its source: either order fits.
class Selection {
  public:
    static Result<Selection> make(const CommandContext& context, const Arguments& arguments) {
        auto source = AddressSelection::make(context, arguments.address("srcaddr"));
        auto destination = AddressSelection::make(context, arguments.address("dstaddr"));
        if (!source || !destination) {
            return source ? destination.error() : source.error();
        }
        return Selection(std::move(*source), std::move(*destination));
    }

    [[nodiscard]] bool contains(const config::IpAddress& local,
                                const config::IpAddress& remote) const {
        return (source_.contains(local) && destination_.contains(remote))
               || (source_.contains(remote) && destination_.contains(local));
    }

  private:
    Selection(AddressSelection source, AddressSelection destination)
        : source_(std::move(source)), destination_(std::move(destination)) {}

    AddressSelection source_;
    AddressSelection destination_;
};

void describe_failures(Listing& listing,
                       const std::vector<FailureReport>& failures,
                       std::int64_t now) {
    if (failures.empty() && listing.layout() != Layout::kJson) {
        return;
    }
    listing.line("");
    listing.begin_records("failures", "Failed Negotiations");
    for (const FailureReport& failure : failures) {
        describe(listing, failure, now);
    }
    listing.end_records();
}

CommandResult show_mm_sas(CommandContext& context, const Arguments& arguments) {
    const Result<Selection> selection = Selection::make(context, arguments);
    if (!selection) {
        return selection.error();
    }
    ike::Report report = context.ike == nullptr ? ike::Report{} : context.ike->report();
    std::erase_if(report.main_modes, [&](const MainModeReport& sa) {
        return !selection->contains(sa.local.address, sa.remote.address);
    });
    std::erase_if(report.failures, [&](const FailureReport& failure) {
        return !selection->contains(failure.failure.local, failure.failure.remote);
    });
    // A record of a table stays on one line.
    Listing listing(context.listing(arguments).layout(), true);
    listing.begin_records("mm_sas");
    for (const MainModeReport& sa : report.main_modes) {
        if (listing.layout() == Layout::kTable) {
            describe_row(listing, sa);
        } else {
            describe(listing, sa, context.now);
        }
    }
    listing.end_records();
    if (report.main_modes.empty()) {
        listing.line("Mainmode SAs not available.");
        if (context.ike == nullptr) {
            listing.line(kNoIke);
        }
    } else {
        listing.number("No. of SAs", "sa_count", report.main_modes.size());
    }
    describe_failures(listing, report.failures, context.now);
    return listing.take();
}

constexpr std::array<HandlerRow, 1> kHandlers{{
    {config::CommandId::kDynamicShowMmSas, show_mm_sas},
}};

}  // namespace

std::span<const HandlerRow> dynamic_mm_sas_handlers() {
    return kHandlers;
}

}  // namespace control
