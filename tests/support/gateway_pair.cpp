#include "tests/support/gateway_pair.h"

#include <algorithm>
#include <stdexcept>

namespace tests {
namespace {

using config::IpAddress;
using config::SaDirection;

constexpr std::string_view kWest4 = "192.0.2.1";
constexpr std::string_view kEast4 = "192.0.2.2";
constexpr std::string_view kWest6 = "2001:db8:f::1";
constexpr std::string_view kEast6 = "2001:db8:f::2";

struct SiteRow {
    config::MacAddress lan_mac;
    config::MacAddress wan_mac;
    const char* lan4;
    const char* lan6;
    const char* wan4;
    const char* wan6;
};

Site make_site(const SiteRow& own, const SiteRow& other, const config::MacAddress& host) {
    Site site;
    site.topology.ports.resize(2);
    dataplane::PortInfo& lan = site.topology.ports[kLan];
    lan.name = "lan";
    lan.mac = own.lan_mac;
    lan.host_path = true;
    lan.addresses = {prefix(own.lan4), prefix(own.lan6)};
    dataplane::PortInfo& wan = site.topology.ports[kWan];
    wan.name = "wan";
    wan.mac = own.wan_mac;
    wan.host_path = true;
    wan.addresses = {prefix(own.wan4), prefix(own.wan6)};
    for (const char* text : {other.lan4, other.lan6}) {
        const config::IpPrefix remote = prefix(text);
        const char* gateway =
            remote.address.family == config::Family::kIpv4 ? other.wan4 : other.wan6;
        site.routes.push_back({{remote.first(), remote.length}, prefix(gateway).address, ""});
    }
    for (const char* text : {other.wan4, other.wan6}) {
        site.neighbors.push_back({kWan, prefix(text).address, other.wan_mac});
    }
    for (const char* text : {own.lan4, own.lan6}) {
        IpAddress first_host = prefix(text).first();
        first_host.bytes[first_host.view().size() - 1] = 1;
        site.neighbors.push_back({kLan, first_host, host});
    }
    return site;
}

constexpr SiteRow kWestSite{kGatewayMac,
                            kWestWanMac,
                            "10.1.0.254/16",
                            "2001:db8:1::fe/64",
                            "192.0.2.1/24",
                            "2001:db8:f::1/64"};
constexpr SiteRow kEastSite{kEastLanMac,
                            kEastWanMac,
                            "10.2.0.254/16",
                            "2001:db8:2::fe/64",
                            "192.0.2.2/24",
                            "2001:db8:f::2/64"};

config::FilterAddress subnet(std::string_view text) {
    const config::IpPrefix network = prefix(text);
    config::FilterAddress address;
    const bool host = network.length == config::address_bits(network.address.family);
    address.kind = host ? config::AddressKind::kHost : config::AddressKind::kSubnet;
    address.first = network.first();
    address.last = network.last();
    address.prefix_length = network.length;
    return address;
}

config::SecretBytes random_key(std::size_t bytes) {
    static std::mt19937_64 random(20261125);
    std::vector<std::uint8_t> key(bytes);
    std::generate(key.begin(), key.end(), [] { return static_cast<std::uint8_t>(random()); });
    return config::SecretBytes(key);
}

std::vector<Bytes> take(PipelineHarness& from, std::uint16_t port) {
    std::vector<Bytes> frames;
    dataplane::TxBuffer& buffer = from.pipeline().tx(port);
    for (std::uint16_t i = 0; i < buffer.count; ++i) {
        frames.push_back(FakePool::bytes_of(buffer.packets[i]));
        rte_pktmbuf_free(buffer.packets[i]);
    }
    from.count_sent(port, buffer.count);
    buffer.count = 0;
    return frames;
}

Packet between_hosts(Family family,
                     const config::MacAddress& source,
                     const config::MacAddress& to) {
    Packet packet;
    packet.eth(source, to);
    return family == Family::kV4 ? packet.ipv4("10.1.0.1", "10.2.0.1")
                                 : packet.ipv6("2001:db8:1::1", "2001:db8:2::1");
}

}  // namespace

SaEnds make_sa(std::uint32_t spi,
               config::SaMode mode,
               std::string_view source,
               std::string_view destination,
               const SaMethod& method) {
    const config::CipherRow& cipher = config::row_of(method.cipher);
    const config::HashRow& hash = config::row_of(method.hash);
    config::SaSpec spec;
    spec.spi = spi;
    spec.protocol = method.protocol;
    spec.mode = mode;
    spec.source = address(source);
    spec.destination = address(destination);
    spec.cipher = method.cipher;
    spec.hash = method.hash;
    spec.cipher_key = random_key(std::size_t{cipher.bytes.key} + cipher.bytes.salt);
    spec.auth_key = random_key(std::size_t{hash.bytes.key} + hash.bytes.salt);
    SaEnds ends{spec, spec};
    ends.outbound.direction = SaDirection::kOutbound;
    ends.inbound.direction = SaDirection::kInbound;
    return ends;
}

config::RuleSource negotiate_rule(std::string_view source,
                                  std::string_view destination,
                                  std::string_view endpoint,
                                  bool mirrored) {
    config::RuleSource rule;
    rule.guid = config::Guid::random();
    if (!endpoint.empty()) {
        rule.tunnel = {config::TunnelKind::kAddress, address(endpoint), {}};
    }
    config::Filter filter;
    filter.guid = config::Guid::random();
    filter.spec.source = subnet(source);
    filter.spec.destination = subnet(destination);
    filter.spec.mirrored = mirrored;
    rule.filters.push_back(filter);
    return rule;
}

GatewayPair::GatewayPair(unsigned packets)
    : west(packets, make_site(kWestSite, kEastSite, kHostMac)),
      east(packets, make_site(kEastSite, kWestSite, kPeerMac)) {}

void GatewayPair::set_rules(PipelineHarness& gateway,
                            const std::vector<config::RuleSource>& sources) {
    config::HostView host;
    const SiteRow& own = &gateway == &west ? kWestSite : kEastSite;
    for (const char* text : {own.lan4, own.lan6, own.wan4, own.wan6}) {
        host.me.push_back(prefix(text).address);
    }
    const auto rules = config::compile_rule_set(sources, host, tags_);
    if (!rules) {
        throw std::invalid_argument(rules.error().text);
    }
    gateway.set_rules(*rules);
}

void GatewayPair::set_tunnel_rules(Family outer) {
    const std::string_view to_west = outer == Family::kV4 ? kWest4 : kWest6;
    const std::string_view to_east = outer == Family::kV4 ? kEast4 : kEast6;
    const std::vector<config::RuleSource> rules = {
        negotiate_rule("10.1.0.0/16", "10.2.0.0/16", to_east),
        negotiate_rule("2001:db8:1::/64", "2001:db8:2::/64", to_east),
        negotiate_rule("10.2.0.0/16", "10.1.0.0/16", to_west),
        negotiate_rule("2001:db8:2::/64", "2001:db8:1::/64", to_west),
    };
    set_rules(west, rules);
    set_rules(east, rules);
}

void GatewayPair::set_transport_rules() {
    const std::vector<config::RuleSource> rules = {
        negotiate_rule("192.0.2.1/32", "192.0.2.2/32", {}, true),
        negotiate_rule("2001:db8:f::1/128", "2001:db8:f::2/128", {}, true),
    };
    set_rules(west, rules);
    set_rules(east, rules);
}

dataplane::SaHandle GatewayPair::connect(const SaEnds& west_to_east, const SaEnds& east_to_west) {
    connect_east_to_west(east_to_west);
    return connect_west_to_east(west_to_east);
}

dataplane::SaHandle GatewayPair::connect_west_to_east(const SaEnds& ends) {
    east.add_sa(ends.inbound);
    return west.add_sa(ends.outbound);
}

dataplane::SaHandle GatewayPair::connect_east_to_west(const SaEnds& ends) {
    west.add_sa(ends.inbound);
    return east.add_sa(ends.outbound);
}

Packet GatewayPair::from_west(Family family, std::size_t payload, std::uint8_t first) {
    return between_hosts(family, kHostMac, kGatewayMac).udp(7, 9).payload(payload, first);
}

Packet GatewayPair::at_east(Family family, std::size_t payload, std::uint8_t first) {
    // Two routers on the way.
    return between_hosts(family, kEastLanMac, kPeerMac).ttl(62).udp(7, 9).payload(payload, first);
}

std::vector<Bytes> GatewayPair::take_wire(PipelineHarness& from) {
    return take(from, kWan);
}

std::vector<Bytes> GatewayPair::take_lan(PipelineHarness& from) {
    return take(from, kLan);
}

std::vector<Bytes> GatewayPair::take_host(PipelineHarness& from) {
    std::vector<Bytes> frames;
    for (const dataplane::Event& event : from.take_events()) {
        if (event.kind == dataplane::EventKind::kHostPacket) {
            frames.push_back(FakePool::bytes_of(event.mbuf));
        }
        rte_pktmbuf_free(event.mbuf);
    }
    return frames;
}

std::vector<dataplane::Event> GatewayPair::take_acquires(PipelineHarness& from) {
    std::vector<dataplane::Event> acquires;
    for (const dataplane::Event& event : from.take_events()) {
        if (event.kind == dataplane::EventKind::kAcquire) {
            acquires.push_back(event);
        } else {
            rte_pktmbuf_free(event.mbuf);
        }
    }
    return acquires;
}

std::size_t GatewayPair::discard_acquires(PipelineHarness& from) {
    const std::vector<dataplane::Event> acquires = take_acquires(from);
    for (const dataplane::Event& event : acquires) {
        rte_pktmbuf_free(event.mbuf);
    }
    return acquires.size();
}

}  // namespace tests
