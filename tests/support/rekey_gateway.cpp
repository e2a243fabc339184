#include "tests/support/rekey_gateway.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace tests {

using namespace control::ike;  // NOLINT(google-build-using-namespace)

static_assert(kTscHz == 1'000'000, "ticks are microseconds");

namespace {

config::Error none() {
    return {config::ErrorCode::kNoAuthMethod, "no certificates here"};
}

}  // namespace

config::Result<OwnIdentity> NoCertificates::own(const config::AuthMethod& /*method*/) const {
    return none();
}

config::Result<control::ike::Bytes> NoCertificates::sign(const config::AuthMethod& /*method*/,
                                                         ByteView /*hash*/) const {
    return none();
}

control::ike::Bytes NoCertificates::ca_name(const config::AuthMethod& /*method*/) const {
    return {};
}

Judged NoCertificates::judge(const PeerProof& /*proof*/) {
    return {Judgement::kBad, none().text, ""};
}

RekeyGateway::RekeyGateway(PipelineHarness& pipeline,
                           const dataplane::Publication& publication,
                           std::shared_ptr<const config::RuleSet> rule_set,
                           const EngineOptions& options,
                           Send send)
    : pipeline_(pipeline),
      rule_set_(std::move(rule_set)),
      rules_(rule_set_),
      send_(std::move(send)),
      sas_(pipeline.sas(),
           pipeline.engines(),
           publication,
           {.lifetime = [](std::string_view /*line*/) {},
            .audit = [](std::string_view /*line*/) {}}),
      engine_(options, *this, credentials_) {
    sas_.set_owner(
        [this](std::uint64_t child, dataplane::SaExpiry limit) { expires(child, limit); });
}

void RekeyGateway::acquire(const config::IpAddress& local, const config::IpAddress& remote) {
    const auto row = std::ranges::find_if(rule_set_->rows, [](const config::RuleRow& candidate) {
        return candidate.selector != config::kAnyRule;
    });
    if (row == rule_set_->rows.end()) {
        throw std::logic_error("no rule negotiates");
    }
    const auto wish = rules_.acquire(row->selector, local, remote);
    if (!wish) {
        throw std::logic_error("the rule knows no SA to ask for");
    }
    engine_.acquire(*wish, time());
}

void RekeyGateway::turn(std::uint64_t now) {
    now_ = now;
    for (const dataplane::Event& event : pipeline_.take_events()) {
        if (event.mbuf != nullptr) {
            waiting_.push_back(event);
        } else {
            sas_.handle(event, clock());
        }
    }
    sas_.tick(clock());
    engine_.tick(time());
}

void RekeyGateway::receive(const Endpoint& local, const Endpoint& remote, ByteView message) {
    engine_.receive(local, remote, message, time());
}

void RekeyGateway::expires(ChildId child, dataplane::SaExpiry limit) {
    if (limit == dataplane::SaExpiry::kHard) {
        engine_.child_expires(child, ChildLimit::kHard, time());
        return;
    }
    if (asks) {
        engine_.child_expires(child, ChildLimit::kSoft, time());
    }
    if (on_soft) {
        on_soft();
    }
}

void RekeyGateway::rekey_newest() {
    engine_.child_expires(newest_, ChildLimit::kSoft, time());
}

void RekeyGateway::free_waiting() {
    for (const dataplane::Event& event : std::exchange(waiting_, {})) {
        rte_pktmbuf_free(event.mbuf);
    }
}

// --- ike::Host

std::shared_ptr<const config::NegotiationTerms> RekeyGateway::main_mode_terms(
    const config::IpAddress& local, const config::IpAddress& remote) const {
    return rules_.main_mode_terms(local, remote);
}

std::optional<QuickModeMatch> RekeyGateway::quick_mode_match(const QuickModeQuery& query) const {
    return rules_.quick_mode_match(query);
}

void RekeyGateway::send(const Endpoint& local, const Endpoint& remote, ByteView message) {
    send_(local, remote, message);
}

std::uint32_t RekeyGateway::new_spi(config::IpsecProtocol /*protocol*/,
                                    const config::IpAddress& /*local*/) {
    return sas_.new_spi(clock());
}

config::Result<void> RekeyGateway::install(ChildId child,
                                           const config::Guid& rule,
                                           const config::SaPair& sas) {
    newest_ = child;
    return sas_.add({.sas = sas, .rule = rule, .child = child}, clock());
}

void RekeyGateway::remove(ChildId child) {
    sas_.remove_child(child);
}

void RekeyGateway::retire_outbound(ChildId child) {
    sas_.retire_outbound(child);
}

void RekeyGateway::move_peer(ChildId child, const Endpoint& remote) {
    sas_.move_peer(child, remote.address, remote.port);
}

ChildUse RekeyGateway::use_of(ChildId child) const {
    return sas_.use_of(child, clock());
}

void RekeyGateway::established(config::RuleTag /*selector*/, const config::IpAddress& /*remote*/) {
    ++established_;
}

void RekeyGateway::failed(const Failure& failure) {
    failures_.push_back(std::string(failure.phase) + ": " + failure.reason);
}

void RekeyGateway::log(std::string_view /*line*/) {}

}  // namespace tests
