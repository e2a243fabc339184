#include "control/ike_service.h"

#include "control/log.h"

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <utility>

namespace control {

namespace {

using config::IpAddress;
using config::Result;
using config::RuleTag;
using std::chrono::steady_clock;

// After a negotiation has failed its traffic is refused for so long without asking the peer again.
constexpr std::chrono::seconds kRetryAfter{5};
// Beyond this many remembered failures those that are over are forgotten.
constexpr std::size_t kRememberedFailures = 4096;
// Soft SAs are numbered by the service, apart from the engine's pairs.
constexpr ike::ChildId kFirstSoft = ike::ChildId{1} << 63U;

constexpr std::uint16_t kPort = 500;      // RFC 2408 2.5.1
constexpr std::uint16_t kNatPort = 4500;  // RFC 3947 4

ike::EngineOptions engine_options(const config::IkeConfig& config) {
    ike::EngineOptions options;
    options.port = kPort;
    options.nat_port = kNatPort;
    options.nat_traversal = config.nat_traversal;
    options.fragment_bytes = config.fragment_bytes;
    options.retransmit_first = std::chrono::seconds(config.retransmit_seconds);
    options.dpd_delay = std::chrono::seconds(config.dpd_seconds);
    options.max_half_open = config.max_half_open;
    options.log_keys = !config.insecure_key_log.empty();
    return options;
}

void complain(std::string_view line) {
    log::warning(log::Category::kIke, "{}", line);
}

}  // namespace

Result<std::unique_ptr<IkeService>> IkeService::open(const config::IkeConfig& config,
                                                     IkeDataplane& dataplane,
                                                     asio::io_context& loop) {
    auto certificates = Certificates::load(config, {});
    if (!certificates) {
        return std::move(certificates).error();
    }
    std::unique_ptr<IkeService> service(
        new IkeService(config, dataplane, loop, std::move(certificates).value()));
    if (!config.insecure_key_log.empty()) {
        auto key_log = IkeKeyLog::open(config.insecure_key_log);
        if (!key_log) {
            return std::move(key_log).error();
        }
        service->key_log_.emplace(std::move(key_log).value());
        log::warning(log::Category::kIke,
                     "the keys of all negotiations are written to {}: whoever reads it reads them",
                     config.insecure_key_log);
    }
    service->attach();
    return service;
}

IkeService::IkeService(const config::IkeConfig& config,
                       IkeDataplane& dataplane,
                       asio::io_context& loop,
                       std::unique_ptr<Certificates> certificates)
    : dataplane_(dataplane),
      timer_(loop),
      certificates_(std::move(certificates)),
      sockets_(
          loop,
          kPort,
          kNatPort,
          [this](const ike::Endpoint& local, const ike::Endpoint& remote, ike::ByteView message) {
              engine_->receive(local, remote, message, steady_clock::now());
              wait();
          },
          complain),
      next_soft_(kFirstSoft),
      engine_(new ike::Engine(engine_options(config), *this, *certificates_)) {}

IkeService::~IkeService() {
    stop();
}

void IkeService::attach() {
    dataplane_.attach(
        {.acquire = [this](const AcquireRequest& request) { take_acquire(request); },
         .expired = [this](ike::ChildId child, bool is_hard) { take_expiry(child, is_hard); },
         .rules =
             [this](std::shared_ptr<const config::RuleSet> rule_set) {
                 take_rules(std::move(rule_set));
             },
         .addresses =
             [this](const std::vector<IpAddress>& addresses) {
                 if (!stopped_) {
                     sockets_.serve(addresses);
                 }
             }});
}

void IkeService::stop() {
    if (std::exchange(stopped_, true)) {
        return;
    }
    dataplane_.attach({});
    engine_->close({}, steady_clock::now());
    timer_.cancel();
    sockets_.close();
}

void IkeService::wait() {
    const std::optional<ike::Time> when = engine_->next_tick();
    if (!when || stopped_) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(*when);
    timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            engine_->tick(steady_clock::now());
            wait();
        }
    });
}

// --- What the dataplane raises -------------------------------------------------------------------

void IkeService::take_acquire(const AcquireRequest& request) {
    const ike::Time now = steady_clock::now();
    std::optional<ike::Acquire> wish;
    if (rules_ != nullptr && !request.local.is_unspecified()) {
        wish = rules_->acquire(request.selector, request.local, request.remote);
    }
    if (!wish) {
        dataplane_.discard_held(request.selector, request.remote);
        return;
    }
    if (const auto failed = failed_until_.find({request.selector, request.remote});
        failed != failed_until_.end()) {
        if (now < failed->second) {
            dataplane_.discard_held(request.selector, request.remote);
            return;
        }
        failed_until_.erase(failed);
    }
    engine_->acquire(*wish, now);
    wait();
}

void IkeService::take_expiry(ike::ChildId child, bool is_hard) {
    if (child >= kFirstSoft) {
        // Its end: the next packet asks the peer again.
        std::erase_if(soft_sas_, [&](const auto& soft) { return soft.second == child; });
        if (is_hard) {
            dataplane_.remove_child(child);
        }
        return;
    }
    engine_->child_expires(
        child, is_hard ? ike::ChildLimit::kHard : ike::ChildLimit::kSoft, steady_clock::now());
    wait();
}

void IkeService::take_rules(std::shared_ptr<const config::RuleSet> rule_set) {
    rules_ = std::make_unique<IkeRules>(std::move(rule_set));
    failed_until_.clear();  // another method or key may be what was missing
    std::erase_if(soft_sas_, [&](const auto& soft) {
        const auto terms = rules_->terms_of(soft.first.first);
        if (terms != nullptr && terms->quick_mode.soft) {
            return false;
        }
        dataplane_.remove_child(soft.second);
        return true;
    });
    engine_->rules_changed([this](RuleTag selector) { return rules_->terms_of(selector); },
                           steady_clock::now());
    wait();
}

// --- What the engine asks ------------------------------------------------------------------------

std::shared_ptr<const config::NegotiationTerms> IkeService::main_mode_terms(
    const IpAddress& local, const IpAddress& remote) const {
    return rules_ == nullptr ? nullptr : rules_->main_mode_terms(local, remote);
}

std::optional<ike::QuickModeMatch> IkeService::quick_mode_match(
    const ike::QuickModeQuery& query) const {
    return rules_ == nullptr ? std::nullopt : rules_->quick_mode_match(query);
}

void IkeService::send(const ike::Endpoint& local,
                      const ike::Endpoint& remote,
                      ike::ByteView message) {
    send_failures_ += sockets_.send(local, remote, message) ? 0U : 1U;
}

void IkeService::send_keepalive(const ike::Endpoint& local, const ike::Endpoint& remote) {
    send_failures_ += sockets_.send_keepalive(local, remote) ? 0U : 1U;
}

std::uint32_t IkeService::new_spi(config::IpsecProtocol protocol, const IpAddress& local) {
    return dataplane_.new_spi(protocol, local);
}

Result<void> IkeService::install(ike::ChildId child,
                                 const config::Guid& rule,
                                 const config::SaPair& sas) {
    return dataplane_.add_child_sa(child, rule, sas);
}

void IkeService::remove(ike::ChildId child) {
    dataplane_.remove_child(child);
}

void IkeService::retire_outbound(ike::ChildId child) {
    dataplane_.retire_outbound(child);
}

void IkeService::move_peer(ike::ChildId child, const ike::Endpoint& remote) {
    if (!dataplane_.move_peer(child, remote)) {
        log::warning(log::Category::kIke,
                     "SAs do not follow the peer to its new address remote={} port={}",
                     remote.address.to_string(),
                     remote.port);
    }
}

ike::ChildUse IkeService::use_of(ike::ChildId child) const {
    return dataplane_.use_of(child);
}

void IkeService::established(RuleTag selector, const IpAddress& remote) {
    failed_until_.erase({selector, remote});
    end_soft_sa(selector, remote);
    dataplane_.release_held(selector, remote);
}

void IkeService::failed(const ike::Failure& failure) {
    log::warning(log::Category::kIke,
                 "negotiation failed phase=\"{}\" local={} remote={} reason=\"{}\"",
                 failure.phase,
                 failure.local.to_string(),
                 failure.remote.to_string(),
                 failure.reason);
    if (failure.selector == config::kAnyRule) {
        return;
    }
    if (is_soft(failure)) {
        begin_soft_sa(failure);
        dataplane_.release_held(failure.selector, failure.remote);
        return;
    }
    const ike::Time now = steady_clock::now();
    if (failed_until_.size() >= kRememberedFailures) {
        std::erase_if(failed_until_, [&](const auto& past) { return past.second <= now; });
    }
    failed_until_[{failure.selector, failure.remote}] = now + kRetryAfter;
    dataplane_.discard_held(failure.selector, failure.remote);
}

void IkeService::log(std::string_view line) {
    if (logging_) {
        log::write(log::Level::kInfo, log::Category::kIke, nullptr, line);
    }
}

void IkeService::log_key(const ike::Cookie& initiator, ike::ByteView encryption_key) {
    if (key_log_) {
        key_log_->write(initiator, encryption_key);
    }
}

// --- Clear text for peers that do not speak IKE --------------------------------------------------

// Only silence counts: who answers and fails to prove who he is gets nothing in clear.
bool IkeService::is_soft(const ike::Failure& failure) const {
    const auto terms = rules_ == nullptr ? nullptr : rules_->terms_of(failure.selector);
    return failure.no_answer && terms != nullptr && terms->quick_mode.soft;
}

void IkeService::begin_soft_sa(const ike::Failure& failure) {
    const Wish wish{failure.selector, failure.remote};
    const config::RuleSetRule* const rule = rules_->rule_of(failure.selector);
    if (soft_sas_.contains(wish) || rule == nullptr) {
        return;
    }
    config::SaSpec spec;
    spec.soft = true;
    spec.direction = config::SaDirection::kOutbound;
    spec.mode = rule->tunnel ? config::SaMode::kTunnel : config::SaMode::kTransport;
    spec.source = failure.local;
    spec.destination = failure.remote;
    spec.rule = failure.selector;
    spec.lifetime.hard_seconds = rule->terms->main_mode.soft_sa_minutes * 60;
    const ike::ChildId child = next_soft_++;
    if (Result<void> added = dataplane_.add_child_sa(child, rule->guid, {spec, {}}); !added) {
        log::warning(log::Category::kIke, "no soft SA error=\"{}\"", added.error().text);
        return;
    }
    soft_sas_.emplace(wish, child);
    ++soft_sas_begun_;
    log::warning(log::Category::kIke,
                 "the peer does not speak IKE, traffic goes on in clear remote={} seconds={}",
                 failure.remote.to_string(),
                 spec.lifetime.hard_seconds);
}

void IkeService::end_soft_sa(RuleTag selector, const IpAddress& remote) {
    if (const auto soft = soft_sas_.find({selector, remote}); soft != soft_sas_.end()) {
        dataplane_.remove_child(soft->second);
        soft_sas_.erase(soft);
    }
}

// --- What commands ask ---------------------------------------------------------------------------

ike::Report IkeService::report() const {
    return engine_->report(steady_clock::now());
}

ike::Statistics IkeService::statistics() const {
    ike::Statistics statistics = engine_->statistics();
    statistics.soft_sas += soft_sas_begun_;
    statistics.send_failures += send_failures_;
    return statistics;
}

std::optional<ike::ChildReport> IkeService::child(ike::ChildId child) const {
    return engine_->child(child, steady_clock::now());
}

std::size_t IkeService::close(const ike::MainModeSelection& selection) {
    const std::size_t closed = engine_->close(selection, steady_clock::now());
    wait();
    return closed;
}

std::size_t IkeService::close_child(ike::ChildId child) {
    if (child >= kFirstSoft) {
        std::erase_if(soft_sas_, [&](const auto& soft) { return soft.second == child; });
        dataplane_.remove_child(child);
        return 1;
    }
    const std::size_t closed = engine_->close_child(child, steady_clock::now());
    wait();
    return closed;
}

Result<void> IkeService::check(const config::AuthMethod& method) const {
    return certificates_->check(method);
}

void IkeService::set_crl_check(unsigned level) {
    certificates_->set_crl_check(static_cast<CrlCheck>(level));
}

}  // namespace control
