// Two gateways back to back in one process, and what is between them in the test's hands:
//
//   10.1.0.1, 2001:db8:1::1 -- west -- 192.0.2.1 ~ wire ~ 192.0.2.2 -- east -- 10.2.0.1,
//   2001:db8:2::1
//                                     2001:db8:f::1     2001:db8:f::2
//
// "lan" (port 0) and "wan" (port 1) of both have a path to the kernel; MTU 1500.
#pragma once

#include "config/algorithms.h"
#include "config/methods.h"
#include "config/rule_set.h"
#include "config/rule_tags.h"
#include "tests/support/pipeline_harness.h"

#include <cstdint>
#include <functional>
#include <random>
#include <string_view>
#include <vector>

namespace tests {

inline constexpr config::MacAddress kWestWanMac{{0x02, 0, 0, 0, 1, 0x02}};
inline constexpr config::MacAddress kEastWanMac{{0x02, 0, 0, 0, 2, 0x02}};
inline constexpr config::MacAddress kEastLanMac{{0x02, 0, 0, 0, 2, 0x01}};

// Algorithms of one ESP or AH.
struct SaMethod {
    config::IpsecProtocol protocol = config::IpsecProtocol::kEsp;
    config::Cipher cipher = config::Cipher::kAesGcm128;
    config::Hash hash = config::Hash::kNone;
};

// An SA as both its ends state it, with random keys.
struct SaEnds {
    config::SaSpec outbound;
    config::SaSpec inbound;

    template <typename Change>
    SaEnds& change(Change apply) {
        apply(outbound);
        apply(inbound);
        return *this;
    }
};
[[nodiscard]] SaEnds make_sa(std::uint32_t spi,
                             config::SaMode mode,
                             std::string_view source,
                             std::string_view destination,
                             const SaMethod& method = {});

// A rule with one filter; `endpoint` empty: transport.
[[nodiscard]] config::RuleSource negotiate_rule(std::string_view source,
                                                std::string_view destination,
                                                std::string_view endpoint = {},
                                                bool mirrored = false);

enum class Family { kV4, kV6 };

class GatewayPair {
  public:
    explicit GatewayPair(unsigned packets = 512);

    // Everything between the two sites through tunnels between their outer addresses, both
    // families, with the end points of `outer`.
    void set_tunnel_rules(Family outer = Family::kV4);
    // Everything between the gateways themselves in transport mode.
    void set_transport_rules();
    void set_rules(PipelineHarness& gateway, const std::vector<config::RuleSource>& sources);

    // One SA in each direction, or in one. Returns the outbound handle at its sender.
    dataplane::SaHandle connect(const SaEnds& west_to_east, const SaEnds& east_to_west);
    dataplane::SaHandle connect_west_to_east(const SaEnds& ends);
    dataplane::SaHandle connect_east_to_west(const SaEnds& ends);

    // A UDP packet of a host of one site to a host of the other, as it leaves there and as it must
    // arrive.
    [[nodiscard]] static Packet from_west(Family family,
                                          std::size_t payload,
                                          std::uint8_t first = 0);
    [[nodiscard]] static Packet at_east(Family family, std::size_t payload, std::uint8_t first = 0);

    // Frames `from` has sent towards the other gateway.
    [[nodiscard]] static std::vector<Bytes> take_wire(PipelineHarness& from);
    // Frames it has sent to its own site.
    [[nodiscard]] static std::vector<Bytes> take_lan(PipelineHarness& from);
    // Packets it has handed to its kernel. Other events are lost.
    [[nodiscard]] static std::vector<Bytes> take_host(PipelineHarness& from);
    // Packets that wait for an SA. The caller frees or injects them; other events are lost.
    [[nodiscard]] static std::vector<dataplane::Event> take_acquires(PipelineHarness& from);
    // How many wait; they wait no longer.
    [[nodiscard]] static std::size_t discard_acquires(PipelineHarness& from);

    PipelineHarness west;
    PipelineHarness east;

  private:
    config::RuleTags tags_;
};

}  // namespace tests
