// What the wire does to a negotiation: loss, doubles, another order, damage, fragments, NATs.
#include "control/ike/message.h"
#include "tests/support/ike_ladder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace {

using namespace control::ike;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using tests::Datagram;
using tests::Ladder;

constexpr std::size_t kMessages = 9;  // six of main mode, three of quick mode

void expect_one_pair(const Ladder& net) {
    EXPECT_EQ(net.a.host.usable().size(), 1U) << net.a.host.log_text() << net.b.host.log_text();
    EXPECT_EQ(net.b.host.usable().size(), 1U) << net.b.host.log_text();
    EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
    EXPECT_TRUE(net.a.host.failures.empty());
    EXPECT_TRUE(net.b.host.failures.empty());
}

class AtMessage : public testing::TestWithParam<std::size_t> {};

TEST_P(AtMessage, LossIsMadeUpFor) {
    for (const std::size_t times : {1U, 3U}) {
        Ladder net;
        net.set_terms(tests::psk_terms());
        // The message, and what is repeated instead of it.
        std::size_t lost = 0;
        net.fate = [&](const Datagram& datagram, std::size_t number) {
            if (number < GetParam() || lost == times) {
                return std::vector{datagram};
            }
            ++lost;
            return std::vector<Datagram>();
        };
        net.acquire(net.a);
        net.run(60s);
        EXPECT_EQ(lost, times);
        expect_one_pair(net);
    }
}

TEST_P(AtMessage, ADoubleChangesNothing) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.fate = [&](const Datagram& datagram, std::size_t number) {
        return number == GetParam() ? std::vector{datagram, datagram, datagram}
                                    : std::vector{datagram};
    };
    net.acquire(net.a);
    net.run(60s);
    expect_one_pair(net);
    EXPECT_GE(net.drops(net.a, Drop::kRepeated) + net.drops(net.b, Drop::kRepeated), 2U);
    EXPECT_EQ(net.a.engine->statistics().main_modes, 1U);
    EXPECT_EQ(net.b.engine->statistics().quick_modes, 1U);
}

TEST_P(AtMessage, ALateOneChangesNothing) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    std::optional<Datagram> held;
    net.fate = [&](const Datagram& datagram, std::size_t number) {
        if (number == GetParam()) {
            held = datagram;
            return std::vector<Datagram>();
        }
        // Behind whatever is sent two messages later.
        if (held && number == GetParam() + 2) {
            return std::vector{datagram, *std::exchange(held, std::nullopt)};
        }
        return std::vector{datagram};
    };
    net.acquire(net.a);
    net.run(60s);
    expect_one_pair(net);
}

TEST_P(AtMessage, DamageAnywhereIsMadeUpFor) {
    for (std::size_t step = 0; step < 16; ++step) {
        Ladder net;
        net.set_terms(tests::psk_terms());
        net.fate = [&](const Datagram& datagram, std::size_t number) {
            Datagram damaged = datagram;
            if (number == GetParam()) {
                damaged.bytes[damaged.bytes.size() * step / 16] ^= 0x55;
            }
            return std::vector{damaged};
        };
        net.acquire(net.a);
        net.run(4min);
        // What is not protected may end a negotiation; the next one then works.
        net.fate = nullptr;
        net.acquire(net.a);
        net.run(10s);
        EXPECT_GE(net.a.host.usable().size(), 1U) << "byte " << step << "/16\n"
                                                  << net.a.host.log_text();
        EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
    }
}

INSTANTIATE_TEST_SUITE_P(IkeWire, AtMessage, testing::Range(std::size_t{0}, kMessages));

TEST(IkeWire, HeavyLossInBothDirectionsIsMadeUpFor) {
    for (std::uint32_t seed = 0; seed < 10; ++seed) {
        Ladder net;
        net.set_terms(tests::psk_terms());
        std::mt19937 chance(seed);
        net.fate = [&](const Datagram& datagram, std::size_t) {
            const auto draw = chance() % 10;
            return draw < 3   ? std::vector<Datagram>()
                   : draw < 5 ? std::vector{datagram, datagram}
                              : std::vector{datagram};
        };
        net.acquire(net.a);
        net.run(3min);
        if (net.a.host.failures.empty()) {
            EXPECT_EQ(net.a.host.usable().size(), 1U) << net.a.host.log_text();
            EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
        }
    }
}

TEST(IkeWire, BothEndsMayBeginAtOnce) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.acquire(net.b);
    net.run(60s);
    EXPECT_FALSE(net.a.host.usable().empty());
    EXPECT_FALSE(net.b.host.usable().empty());
    EXPECT_EQ(tests::mismatch(net.a.host, net.b.host), "");
    EXPECT_TRUE(net.a.host.failures.empty());
    EXPECT_TRUE(net.b.host.failures.empty());
}

// --- Fragments

config::NegotiationTerms certificate_terms() {
    config::NegotiationTerms terms = tests::psk_terms();
    terms.main_mode.auth_methods = {tests::root_ca("CN=root")};
    return terms;
}

void give_big_certificates(Ladder& net) {
    for (tests::LadderGateway* gateway : {&net.a, &net.b}) {
        gateway->credentials.own_cas = {{"CN=root", "key"}};
        gateway->credentials.certificate_bytes = 1800;
        gateway->credentials.intermediates = 2;
    }
}

TEST(IkeWire, BigMessagesTravelInFragments) {
    Ladder net;
    give_big_certificates(net);
    net.set_terms(certificate_terms());
    net.acquire(net.a);
    net.deliver();
    expect_one_pair(net);
    std::size_t fragments = 0;
    for (const Datagram& datagram : net.seen) {
        EXPECT_LE(datagram.bytes.size(), net.options.fragment_bytes);
        fragments += datagram.bytes[16] == 132 ? 1U : 0U;
    }
    EXPECT_GE(fragments, 10U);  // messages 5 and 6
}

TEST(IkeWire, FragmentsInAnyOrderAndDoubledAreOneMessage) {
    Ladder net;
    give_big_certificates(net);
    net.set_terms(certificate_terms());
    std::vector<Datagram> held;
    net.fate = [&](const Datagram& datagram, std::size_t) {
        if (datagram.bytes[16] != 132) {
            return std::vector{datagram};
        }
        held.insert(held.begin(), datagram);
        const bool last = datagram.bytes[kHeaderBytes + 7] == 1;
        if (!last) {
            return std::vector<Datagram>();
        }
        std::vector<Datagram> all = held;
        all.insert(all.begin(), held.back());
        held.clear();
        return all;
    };
    net.acquire(net.a);
    net.deliver();
    expect_one_pair(net);
}

TEST(IkeWire, NothingIsCutForAPeerThatCannotPutItTogether) {
    Ladder net;
    give_big_certificates(net);
    net.set_terms(certificate_terms());
    net.fate = [](const Datagram& datagram, std::size_t number) {
        Datagram changed = datagram;
        if (number < 2) {  // neither hears of the other's FRAGMENTATION
            static constexpr std::array<std::uint8_t, 4> kId = {0x40, 0x48, 0xb7, 0xd5};
            const auto found =
                std::search(changed.bytes.begin(), changed.bytes.end(), kId.begin(), kId.end());
            if (found != changed.bytes.end()) {
                *found ^= 0xff;
            }
        }
        return std::vector{changed};
    };
    net.acquire(net.a);
    net.deliver();
    expect_one_pair(net);
    EXPECT_TRUE(std::ranges::any_of(
        net.seen, [](const Datagram& datagram) { return datagram.bytes.size() > 4000; }));
}

// --- NAT

// Hides `a` behind an address and other ports, as a NAT does; `b` too if told to.
class Nat {
  public:
    explicit Nat(Ladder& net) : net_(net) {}

    std::vector<Datagram> operator()(const Datagram& datagram) {
        Datagram changed = datagram;
        if (datagram.source.address == net_.a.ip) {
            if (!ports_.contains(datagram.source.port)) {
                ports_[datagram.source.port] = next_port_++;
            }
            changed.source = {public_, ports_.at(datagram.source.port)};
            return {changed};
        }
        for (const auto& [inside, outside] : ports_) {
            if (datagram.destination == Endpoint{public_, outside}) {
                changed.destination = {net_.a.ip, inside};
                return {changed};
            }
        }
        return {};
    }
    void rebind() { ports_.clear(); }

  private:
    Ladder& net_;
    config::IpAddress public_ = tests::address("203.0.113.7");
    std::map<std::uint16_t, std::uint16_t> ports_;
    std::uint16_t next_port_ = 40000;
};

void put_behind_nat(Ladder& net, Nat& nat) {
    net.fate = [&nat](const Datagram& datagram, std::size_t) { return nat(datagram); };
}

TEST(IkeNat, PortsFloatAndEspIsEncapsulated) {
    Ladder net;
    Nat nat(net);
    put_behind_nat(net, nat);
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    expect_one_pair(net);
    EXPECT_EQ(net.seen[2].source.port, 500);
    EXPECT_EQ(net.seen[4].source.port, 4500);  // RFC 3947 4: from message 5 on
    EXPECT_EQ(net.seen[4].destination.port, 4500);
    EXPECT_EQ(net.seen[5].source.port, 4500);
    EXPECT_EQ(net.a.engine->report(net.now).main_modes.front().nat, NatSituation::kLocal);
    EXPECT_EQ(net.b.engine->report(net.now).main_modes.front().nat, NatSituation::kRemote);
    const config::SaSpec& out = net.b.host.children.begin()->second.outbound->sa;
    ASSERT_TRUE(out.encapsulation);
    EXPECT_EQ(out.encapsulation->source_port, 4500);
    EXPECT_EQ(out.encapsulation->destination_port, 40001);
    EXPECT_EQ(out.destination, tests::address("203.0.113.7"));
    const config::SaSpec& own = net.a.host.children.begin()->second.outbound->sa;
    ASSERT_TRUE(own.encapsulation);
    EXPECT_EQ(own.encapsulation->destination_port, 4500);
}

// What Windows up to 2003 speaks: the draft, with payload and mode numbers of its own.
TEST(IkeNat, TheDraftIsSpokenWithPeersThatKnowNoBetter) {
    for (const config::SaMode mode : {config::SaMode::kTunnel, config::SaMode::kTransport}) {
        Ladder net;
        Nat nat(net);
        net.fate = [&](const Datagram& datagram, std::size_t number) {
            Datagram changed = datagram;
            if (number == 0) {  // b hears of the draft only
                const Bytes rfc = vendor_id(Vendor::kNatTraversalRfc);
                const auto found =
                    std::search(changed.bytes.begin(), changed.bytes.end(), rfc.begin(), rfc.end());
                *found ^= 0xff;
            }
            return nat(changed);
        };
        net.set_terms(tests::psk_terms());
        net.a.host.rules.front().mode = mode;
        net.b.host.rules.front().mode = mode;
        net.b.host.rules.front().local = tests::selector("0.0.0.0/0");
        net.b.host.rules.front().remote = tests::selector("0.0.0.0/0");
        net.acquire(net.a);
        net.deliver();
        // HASH_I covers the SA payload, not vendor IDs: main mode goes through.
        expect_one_pair(net);
        Message message;
        message.bytes = net.seen[2].bytes;
        message.header = std::get<Header>(decode_header(message.bytes));
        ASSERT_TRUE(std::holds_alternative<std::monostate>(read_payloads(message)));
        EXPECT_NE(message.first(PayloadType::kNatDiscoveryDraft), nullptr);
        EXPECT_TRUE(net.b.host.children.begin()->second.outbound->sa.encapsulation);
    }
}

TEST(IkeNat, OnlyWhoIsBehindItKeepsTheMappingAlive) {
    EngineOptions options;
    options.dpd_delay = 0s;
    Ladder net(options);
    Nat nat(net);
    put_behind_nat(net, nat);
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.run(101s);
    EXPECT_EQ(net.a.host.keepalives, 5U);
    EXPECT_EQ(net.b.host.keepalives, 0U);
}

TEST(IkeNat, TransportModeIsNegotiatedForTheAddressesThatPacketsHave) {
    Ladder net;
    Nat nat(net);
    put_behind_nat(net, nat);
    net.set_terms(tests::psk_terms());
    net.a.host.rules.front().mode = config::SaMode::kTransport;
    net.a.host.rules.front().local = tests::selector("192.0.2.1");
    net.a.host.rules.front().remote = tests::selector("192.0.2.2");
    net.b.host.rules.front().mode = config::SaMode::kTransport;
    net.b.host.rules.front().local = tests::selector("192.0.2.2");
    net.b.host.rules.front().remote = tests::selector("0.0.0.0/0");
    net.acquire(net.a);
    net.deliver();
    expect_one_pair(net);
    const auto child = net.b.engine->child(net.b.host.usable().front(), net.now);
    ASSERT_TRUE(child);
    EXPECT_EQ(child->traffic.remote.first, tests::address("203.0.113.7"));
}

TEST(IkeNat, SasFollowThePeerWhenItsMappingChanges) {
    Ladder net;
    Nat nat(net);
    put_behind_nat(net, nat);
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    const ChildId child = net.b.host.usable().front();
    nat.rebind();
    // The next true message from the new port: a second quick mode.
    Acquire wish = net.wish(net.a);
    wish.traffic.local = tests::selector("10.1.9.0/24");
    net.a.engine->acquire(wish, net.now);
    net.run(10s);
    ASSERT_TRUE(net.b.host.children.at(child).moved_to);
    EXPECT_EQ(net.b.host.children.at(child).moved_to->port, 40002);
    EXPECT_EQ(net.a.host.usable().size(), 2U);
}

TEST(IkeNat, APeerWithoutNatIsNotFollowed) {
    Ladder net;
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    net.fate = [&](const Datagram& datagram, std::size_t) {
        Datagram stolen = datagram;
        if (stolen.source.address == net.a.ip) {
            stolen.source = {tests::address("198.51.100.66"), 666};
        }
        return std::vector{stolen};
    };
    Acquire wish = net.wish(net.a);
    wish.traffic.local = tests::selector("10.1.9.0/24");
    net.a.engine->acquire(wish, net.now);
    net.run(10s);
    EXPECT_EQ(net.b.engine->report(net.now).main_modes.front().remote.address, net.a.ip);
    for (const auto& [id, child] : net.b.host.children) {
        EXPECT_FALSE(child.moved_to);
    }
}

TEST(IkeNat, AStrangersAddressIsNotFollowed) {
    Ladder net;
    Nat nat(net);
    put_behind_nat(net, nat);
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    const ChildId child = net.b.host.usable().front();
    // Repeats of true messages, and damaged ones, from elsewhere. Message 1 proves nothing: it is a
    // stranger's.
    const std::vector<Datagram> sent(net.seen.begin() + 1, net.seen.end());
    for (const Datagram& datagram : sent) {
        if (datagram.destination.address != net.b.ip) {
            continue;
        }
        Bytes damaged = datagram.bytes;
        damaged.back() ^= 1;
        for (const Bytes& bytes : {datagram.bytes, damaged}) {
            net.b.engine->receive(
                datagram.destination, {tests::address("198.51.100.66"), 666}, bytes, net.now);
        }
    }
    EXPECT_FALSE(net.b.host.children.at(child).moved_to);
    for (const Datagram& datagram : net.wire) {
        EXPECT_NE(datagram.destination.address, tests::address("198.51.100.66"));
    }
}

TEST(IkeNat, DoesNotConcernWhoIsToldNotToMind) {
    EngineOptions options;
    options.nat_traversal = false;
    Ladder net(options);
    net.set_terms(tests::psk_terms());
    net.acquire(net.a);
    net.deliver();
    expect_one_pair(net);
    EXPECT_EQ(net.seen[4].source.port, 500);
}

}  // namespace
