// How objects look in listings: labels and order of netsh, stable keys of the JSON form.
#pragma once

#include "config/policy.h"
#include "config/policy_store.h"
#include "control/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace control {

[[nodiscard]] std::string time_text(std::int64_t unix_time);  // "2026-03-01 12:00:00", local time
[[nodiscard]] std::string_view action_text(config::Action action);  // "NEGOTIATE SECURITY"
[[nodiscard]] std::string_view connection_text(config::ConnectionType type);  // "LAN"
[[nodiscard]] std::string protocol_text(std::uint8_t protocol);               // "TCP", "ANY", "89"
[[nodiscard]] std::string port_text(const config::PortRange& port);           // "ANY", "445", "1-2"
[[nodiscard]] std::string address_text(const config::FilterAddress& address);
[[nodiscard]] std::string tunnel_text(const config::TunnelEndpoint& tunnel);

// "10.0.0.1", "10.0.0.1-10.0.0.9"
[[nodiscard]] std::string bounds_text(const config::IpAddress& first,
                                      const config::IpAddress& last);

// `absent` for people where there is no number, null for programs.
void number_or_null(Listing& listing,
                    std::string_view label,
                    std::string_view key,
                    const std::optional<std::uint64_t>& value,
                    std::string_view absent);
void describe_time(Listing& listing,
                   std::string_view label,
                   std::string_view key,
                   std::int64_t unix_time);
void describe_modified(Listing& listing, std::int64_t unix_time);
void describe_filter(Listing& listing, const config::FilterSpec& spec);
void describe_sides(Listing& listing, const config::FilterSpec& spec);  // its addresses alone
void describe_mm_offers(Listing& listing, const std::vector<config::MmOffer>& offers);
void describe_qm_offers(Listing& listing, const std::vector<config::QmOffer>& offers, bool pfs);
void describe_auth(Listing& listing,
                   const std::vector<config::AuthMethod>& methods,
                   bool show_secrets);
void describe_tunnel(Listing& listing, const config::TunnelEndpoint& tunnel);

}  // namespace control
