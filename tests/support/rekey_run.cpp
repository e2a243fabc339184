#include "tests/support/rekey_run.h"

#include "config/rule_tags.h"
#include "tests/support/gateway_pair.h"
#include "tests/support/rekey_gateway.h"
#include "tests/support/rekey_traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>

namespace tests {
namespace {

using control::ike::Endpoint;
using std::chrono::steady_clock;

constexpr std::string_view kWest = "192.0.2.1";
constexpr std::string_view kEast = "192.0.2.2";
constexpr std::size_t kPayload = 1000;
constexpr std::size_t kMaxDelay = 3;  // of an IKE message, in turns of control
constexpr std::chrono::microseconds kControlRests{200};
// The clock stands still while the operating system does not let control run.
constexpr std::uint64_t kLongestTurn = kTscHz / 50;
// More packets without SA than that, and the run has failed.
constexpr std::size_t kTooManyWaiting = 200;
constexpr std::uint64_t kLastBursts = 32;
constexpr std::uint64_t kStartSeconds = 60;

std::shared_ptr<const config::NegotiationTerms> terms_of(const RekeyPlan& plan) {
    config::NegotiationTerms terms;
    terms.main_mode.offers = config::parse_mm_methods("AES128-SHA256-19").value();
    terms.main_mode.qm_per_mm = plan.qm_per_mm;
    config::AuthMethod method;
    method.kind = config::AuthKind::kPresharedKey;
    method.preshared_key = config::SecretBytes(std::string_view("secret"));
    terms.main_mode.auth_methods = {method};
    terms.quick_mode.offers = config::parse_qm_methods(plan.method).value();
    // The language knows no lifetimes this short; a peer may ask for them.
    for (config::QmOffer& offer : terms.quick_mode.offers) {
        offer.seconds = plan.lifetime_seconds;
        offer.kilobytes = plan.lifetime_kilobytes;
    }
    terms.quick_mode.pfs_group = plan.pfs;
    return std::make_shared<const config::NegotiationTerms>(std::move(terms));
}

// The tunnel rules of one gateway: to the other's site and back.
std::shared_ptr<const config::RuleSet> rules_of(const RekeyPlan& plan, bool west) {
    std::vector<config::RuleSource> sources = {
        negotiate_rule("10.1.0.0/16", "10.2.0.0/16", kEast),
        negotiate_rule("10.2.0.0/16", "10.1.0.0/16", kWest),
    };
    const auto terms = terms_of(plan);
    for (config::RuleSource& source : sources) {
        source.terms = terms;
    }
    if (!west) {
        std::swap(sources[0], sources[1]);
    }
    config::HostView host;
    host.me = {address(west ? kWest : kEast)};
    config::RuleTags tags;
    auto rules = config::compile_rule_set(sources, host, tags);
    if (!rules) {
        throw std::invalid_argument(rules.error().text);
    }
    return std::make_shared<const config::RuleSet>(std::move(rules).value());
}

class RekeyBed {
  public:
    explicit RekeyBed(const RekeyPlan& plan);
    RekeyOutcome run();

  private:
    struct Message {
        Endpoint from;
        Endpoint to;
        control::ike::Bytes bytes;
        std::uint64_t due = 0;  // turn of control
    };

    static control::ike::EngineOptions options_of(const RekeyPlan& plan);
    RekeyGateway::Send onto_wire();
    void control_turn();
    void deliver_messages();
    void connect();
    void work();
    [[nodiscard]] bool is_done() const;
    [[nodiscard]] bool has_failed() const;
    [[nodiscard]] std::uint64_t rekeys() const;
    [[nodiscard]] RekeyOutcome outcome();

    RekeyPlan plan_;
    GatewayPair pair_{2048};
    dataplane::Publication publication_{1};
    std::mt19937 chance_{20261125};
    std::deque<Message> wire_;
    RekeyGateway west_;
    RekeyGateway east_;
    RekeyTraffic to_east_;
    RekeyTraffic to_west_;
    steady_clock::time_point last_turn_ = steady_clock::now();
    std::uint64_t started_ = 0;
    std::uint64_t ended_ = 0;
    std::uint64_t messages_ = 0;
    std::uint64_t messages_lost_ = 0;
    std::atomic<std::uint64_t> clock_{kTscHz};  // writer: control; readers: the worker
    std::atomic<std::uint64_t> turns_{0};       // writer: control; readers: the worker
    std::atomic<std::uint64_t> bursts_{0};      // writer: the worker; readers: control
    std::atomic<bool> stop_{false};
};

control::ike::EngineOptions RekeyBed::options_of(const RekeyPlan& plan) {
    control::ike::EngineOptions options;
    options.rekey_margin_percent = plan.margin_percent;
    if (plan.lost_percent > 0) {
        // Several attempts fit into the margin before the end of a lifetime of seconds.
        options.retransmit_first = std::chrono::milliseconds(50);
        options.retransmits = 8;
    }
    return options;
}

RekeyBed::RekeyBed(const RekeyPlan& plan)
    : plan_(plan),
      west_(pair_.west, publication_, rules_of(plan, true), options_of(plan), onto_wire()),
      east_(pair_.east, publication_, rules_of(plan, false), options_of(plan), onto_wire()),
      to_east_(pair_.west,
               pair_.east,
               Packet()
                   .eth(kHostMac, kGatewayMac)
                   .ipv4("10.1.0.1", "10.2.0.1")
                   .udp(7, 9)
                   .payload(kPayload)
                   .bytes()),
      to_west_(pair_.east,
               pair_.west,
               Packet()
                   .eth(kPeerMac, kEastLanMac)
                   .ipv4("10.2.0.1", "10.1.0.1")
                   .udp(7, 9)
                   .payload(kPayload)
                   .bytes()) {
    pair_.west.set_rules(*rules_of(plan, true));
    pair_.east.set_rules(*rules_of(plan, false));
    if (plan.asked == RekeyAsked::kByWest) {
        east_.asks = false;
        east_.on_soft = [this] { west_.rekey_newest(); };
    } else if (plan.asked == RekeyAsked::kByBoth) {
        west_.on_soft = [this] { east_.rekey_newest(); };
        east_.on_soft = [this] { west_.rekey_newest(); };
    }
}

RekeyGateway::Send RekeyBed::onto_wire() {
    return [this](const Endpoint& from, const Endpoint& to, control::ike::ByteView bytes) {
        ++messages_;
        if (std::uniform_int_distribution<unsigned>(1, 100)(chance_) <= plan_.lost_percent) {
            ++messages_lost_;
            return;
        }
        const std::uint64_t delay =
            std::uniform_int_distribution<std::uint64_t>(0, kMaxDelay)(chance_);
        wire_.push_back({from,
                         to,
                         control::ike::Bytes(bytes.begin(), bytes.end()),
                         turns_.load(std::memory_order_relaxed) + delay});
    };
}

void RekeyBed::deliver_messages() {
    const std::uint64_t turn = turns_.load(std::memory_order_relaxed);
    std::vector<Message> due;
    std::erase_if(wire_, [&](Message& message) {
        if (message.due > turn) {
            return false;
        }
        due.push_back(std::move(message));
        return true;
    });
    for (const Message& message : due) {
        RekeyGateway& to = message.to.address == address(kWest) ? west_ : east_;
        to.receive(message.to, message.from, message.bytes);
    }
}

void RekeyBed::control_turn() {
    const steady_clock::time_point now = steady_clock::now();
    const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(now - last_turn_);
    last_turn_ += passed;
    const std::uint64_t clock =
        clock_.load(std::memory_order_relaxed)
        + std::min(static_cast<std::uint64_t>(passed.count()), kLongestTurn);
    clock_.store(clock, std::memory_order_relaxed);
    west_.turn(clock);
    east_.turn(clock);
    deliver_messages();
    turns_.fetch_add(1, std::memory_order_release);
    std::this_thread::sleep_for(kControlRests);
}

void RekeyBed::connect() {
    west_.acquire(address(kWest), address(kEast));
    const std::uint64_t begun = clock_.load();
    while (!west_.is_connected() || !east_.is_connected()) {
        control_turn();
        if (clock_.load() - begun > kStartSeconds * kTscHz) {
            throw std::runtime_error("the gateways do not agree on the first SAs");
        }
    }
    started_ = clock_.load();
}

void RekeyBed::work() {
    dataplane::Publication::Reader reader(publication_, 0);
    reader.online();
    std::uint64_t turn = 0;
    unsigned bursts = 0;
    while (!stop_.load(std::memory_order_relaxed)) {
        const std::uint64_t now = turns_.load(std::memory_order_acquire);
        bursts = now == turn ? bursts : 0;
        turn = now;
        if (bursts++ < plan_.bursts_per_turn) {
            pair_.west.now = pair_.east.now = clock_.load(std::memory_order_relaxed);
            to_east_.turn();
            to_west_.turn();
            bursts_.fetch_add(1, std::memory_order_relaxed);
        } else {
            std::this_thread::yield();
        }
        reader.quiescent();
    }
    to_east_.finish();
    to_west_.finish();
    reader.offline();
}

std::uint64_t RekeyBed::rekeys() const {
    return std::min(west_.statistics().quick_modes, east_.statistics().quick_modes) - 1;
}

bool RekeyBed::has_failed() const {
    return west_.waiting() + east_.waiting() > kTooManyWaiting;
}

bool RekeyBed::is_done() const {
    const std::uint64_t passed = clock_.load(std::memory_order_relaxed) - started_;
    return rekeys() >= plan_.rekeys && passed >= std::uint64_t{plan_.seconds} * kTscHz;
}

RekeyOutcome RekeyBed::run() {
    connect();
    std::thread worker([this] { work(); });
    while (!is_done() && !has_failed()) {
        control_turn();
    }
    // The last successor carries packets before the end.
    const std::uint64_t enough = bursts_.load(std::memory_order_relaxed) + kLastBursts;
    while (bursts_.load(std::memory_order_relaxed) < enough && !has_failed()) {
        control_turn();
    }
    stop_ = true;
    worker.join();
    ended_ = clock_.load();
    // What is still being negotiated comes to its end.
    while (clock_.load() < ended_ + kTscHz) {
        control_turn();
    }
    RekeyOutcome result = outcome();
    west_.free_waiting();
    east_.free_waiting();
    return result;
}

RekeyOutcome RekeyBed::outcome() {
    RekeyOutcome result;
    result.directions = {to_east_.outcome(), to_west_.outcome()};
    result.seconds = static_cast<double>(ended_ - started_) / static_cast<double>(kTscHz);
    result.rekeys = rekeys();
    result.main_modes = west_.statistics().main_modes;
    result.messages = messages_;
    result.messages_lost = messages_lost_;
    for (const auto& [name, gateway, ike] :
         {std::tuple{"west", &pair_.west, &west_}, std::tuple{"east", &pair_.east, &east_}}) {
        result.waited += ike->waiting();
        result.drops += gateway->all_drops();
        if (gateway->all_drops() != 0) {
            result.drop_report += fmt::format("{}: {}", name, gateway->drop_report());
        }
        result.sas_added += ike->sas().totals().added;
        result.sas_negotiated += ike->statistics().key_adds + ike->statistics().key_updates;
        result.failures.insert(
            result.failures.end(), ike->failures().begin(), ike->failures().end());
    }
    result.is_conserved =
        pair_.west.pipeline().is_conserved() && pair_.east.pipeline().is_conserved();
    return result;
}

}  // namespace

std::string RekeyOutcome::complaint() const {
    std::string text;
    for (std::size_t i = 0; i < directions.size(); ++i) {
        const Direction& direction = directions[i];
        const std::string_view name = i == 0 ? "west to east" : "east to west";
        if (direction.sent != direction.received) {
            text +=
                fmt::format("{}: {} sent, {} received; ", name, direction.sent, direction.received);
        }
        if (direction.disordered != 0) {
            text += fmt::format("{}: {} out of order; ", name, direction.disordered);
        }
        if (direction.clear != 0) {
            text += fmt::format("{}: {} in clear; ", name, direction.clear);
        }
        if (direction.changes == 0) {
            text += fmt::format("{}: no successor was used; ", name);
        }
    }
    if (waited != 0) {
        text += fmt::format("{} packets found no SA; ", waited);
    }
    if (drops != 0) {
        text += fmt::format("{} dropped ({}); ", drops, drop_report);
    }
    if (!is_conserved) {
        text += "packets are not accounted for; ";
    }
    if (sas_added != sas_negotiated) {
        text += fmt::format("{} SAs added, {} negotiated; ", sas_added, sas_negotiated);
    }
    for (const std::string& failure : failures) {
        text += failure + "; ";
    }
    return text;
}

RekeyOutcome run_rekeys(const RekeyPlan& plan) {
    return RekeyBed(plan).run();
}

}  // namespace tests
