#include "control/describe.h"

#include "config/algorithms.h"

#include <fmt/format.h>

#include <ctime>

namespace control {

namespace {

std::string utc_text(std::int64_t unix_time) {
    const std::time_t time = unix_time;
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[32];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text, length};
}

std::string_view group_text(std::uint16_t ike_group) {
    switch (ike_group) {
        case 1:
            return "Low(1)";
        case 2:
            return "Medium(2)";
        case 14:
            return "2048";
        default:
            return {};
    }
}

// The address as it is typed in a command, for programs.
std::string typed_address(const config::FilterAddress& address) {
    switch (address.kind) {
        case config::AddressKind::kAny:
            return "any";
        case config::AddressKind::kMe:
            return "me";
        case config::AddressKind::kDnsServers:
            return "DNS";
        case config::AddressKind::kWinsServers:
            return "WINS";
        case config::AddressKind::kDhcpServer:
            return "DHCP";
        case config::AddressKind::kDefaultGateway:
            return "GATEWAY";
        case config::AddressKind::kHost:
        case config::AddressKind::kSubnet:
        case config::AddressKind::kRange:
            break;
    }
    return address_text(address);
}

void describe_port(Listing& listing,
                   std::string_view label,
                   std::string_view key,
                   const config::PortRange& port) {
    const std::string text = port_text(port);
    listing.text_as(label, key, text, port.is_any() ? "any" : text);
}

void describe_side(Listing& listing, bool source, const config::FilterAddress& address) {
    struct Labels {
        std::string_view address, address_key, mask, mask_key, name, name_key;
    };
    static constexpr Labels kSource{"Source IP Address",
                                    "source",
                                    "Source Mask",
                                    "source_mask",
                                    "Source DNS Name",
                                    "source_name"};
    static constexpr Labels kDestination{"Destination IP Address",
                                         "destination",
                                         "Destination Mask",
                                         "destination_mask",
                                         "Destination DNS Name",
                                         "destination_name"};
    const Labels& labels = source ? kSource : kDestination;
    const std::string text = address_text(address);
    listing.text_as(labels.address, labels.address_key, text, typed_address(address));

    // A table needs the cell even where a list leaves the line out.
    const bool table = listing.layout() == Layout::kTable;
    if (address.kind == config::AddressKind::kHost
        || address.kind == config::AddressKind::kSubnet) {
        const std::string mask = address.first.family == config::Family::kIpv4
                                     ? config::dotted_mask(address.prefix_length)
                                     : std::to_string(address.prefix_length);
        listing.text(labels.mask, labels.mask_key, mask);
    } else if (address.kind == config::AddressKind::kAny) {
        listing.text(labels.mask, labels.mask_key, "0.0.0.0");
    } else if (table) {
        listing.text(labels.mask, {}, "NONE");
    }
    if (address.is_symbol()) {
        listing.text_as(labels.name, labels.name_key, text, "");
    } else {
        listing.text_or_none(labels.name, labels.name_key, address.dns_name);
    }
}

}  // namespace

std::string time_text(std::int64_t unix_time) {
    const std::time_t time = unix_time;
    std::tm parts{};
    localtime_r(&time, &parts);
    char text[32];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return {text, length};
}

std::string_view action_text(config::Action action) {
    switch (action) {
        case config::Action::kPermit:
            return "PERMIT";
        case config::Action::kBlock:
            return "BLOCK";
        case config::Action::kNegotiate:
            return "NEGOTIATE SECURITY";
    }
    return {};
}

std::string_view connection_text(config::ConnectionType type) {
    switch (type) {
        case config::ConnectionType::kAll:
            return "ALL";
        case config::ConnectionType::kLan:
            return "LAN";
        case config::ConnectionType::kDialup:
            return "DIALUP";
    }
    return {};
}

std::string protocol_text(std::uint8_t protocol) {
    switch (protocol) {
        case config::kAnyProtocol:
            return "ANY";
        case 1:
            return "ICMP";
        case 6:
            return "TCP";
        case 17:
            return "UDP";
        case 58:
            return "ICMPV6";
        case 255:
            return "RAW";
        default:
            return std::to_string(protocol);
    }
}

std::string port_text(const config::PortRange& port) {
    if (port.is_any()) {
        return "ANY";
    }
    return port.first == port.last ? std::to_string(port.first)
                                   : fmt::format("{}-{}", port.first, port.last);
}

std::string address_text(const config::FilterAddress& address) {
    switch (address.kind) {
        case config::AddressKind::kAny:
            return "<Any IP Address>";
        case config::AddressKind::kMe:
            return "<My IP Address>";
        case config::AddressKind::kHost:
        case config::AddressKind::kSubnet:
            return address.first.to_string();
        case config::AddressKind::kRange:
            return address.first.to_string() + "-" + address.last.to_string();
        case config::AddressKind::kDnsServers:
            return "<DNS Servers>";
        case config::AddressKind::kWinsServers:
            return "<WINS Servers>";
        case config::AddressKind::kDhcpServer:
            return "<DHCP Server>";
        case config::AddressKind::kDefaultGateway:
            return "<Default Gateway>";
    }
    return {};
}

std::string tunnel_text(const config::TunnelEndpoint& tunnel) {
    switch (tunnel.kind) {
        case config::TunnelKind::kNone:
            return "NONE";
        case config::TunnelKind::kAddress:
            return tunnel.endpoint.to_string();
        case config::TunnelKind::kFromFilters:
            return "<Far address of each filter>";
        case config::TunnelKind::kFromFilterNames:
            return "<Far DNS name of each filter>";
    }
    return {};
}

std::string bounds_text(const config::IpAddress& first, const config::IpAddress& last) {
    return first == last ? first.to_string() : first.to_string() + "-" + last.to_string();
}

void number_or_null(Listing& listing,
                    std::string_view label,
                    std::string_view key,
                    const std::optional<std::uint64_t>& value,
                    std::string_view absent) {
    if (value) {
        listing.number(label, key, *value);
    } else {
        listing.null_as(label, key, absent);
    }
}

void describe_time(Listing& listing,
                   std::string_view label,
                   std::string_view key,
                   std::int64_t unix_time) {
    listing.text_as(label, key, time_text(unix_time), utc_text(unix_time));
}

void describe_modified(Listing& listing, std::int64_t unix_time) {
    describe_time(listing, "Last Modified", "modified", unix_time);
}

void describe_sides(Listing& listing, const config::FilterSpec& spec) {
    describe_side(listing, true, spec.source);
    describe_side(listing, false, spec.destination);
}

void describe_filter(Listing& listing, const config::FilterSpec& spec) {
    listing.flag("Mirrored", "mirrored", spec.mirrored);
    describe_sides(listing, spec);
    listing.text("Protocol", {}, protocol_text(spec.protocol));
    listing.number({}, "protocol", spec.protocol);
    describe_port(listing, "Source Port", "source_port", spec.source_port);
    describe_port(listing, "Destination Port", "destination_port", spec.destination_port);
}

void describe_mm_offers(Listing& listing, const std::vector<config::MmOffer>& offers) {
    listing.begin_records(
        "main_mode_methods", "Main Mode Security Method Order", RecordStyle::kRows);
    for (const config::MmOffer& offer : offers) {
        const std::string number = std::to_string(offer.dh_group);
        const std::string_view name = group_text(offer.dh_group);
        listing.begin_record();
        listing.text("Encryption", "encryption", config::row_of(offer.cipher).token);
        listing.text("Integrity", "integrity", config::row_of(offer.hash).token);
        listing.number_as("DH Group", "dh_group", name.empty() ? number : name, offer.dh_group);
        listing.end_record();
    }
    listing.end_records();
}

void describe_qm_offers(Listing& listing, const std::vector<config::QmOffer>& offers, bool pfs) {
    listing.begin_records("methods", "Security Methods", RecordStyle::kRows);
    for (const config::QmOffer& offer : offers) {
        const std::string esp = offer.has_esp ? fmt::format("[{},{}]",
                                                            config::row_of(offer.esp_cipher).token,
                                                            config::row_of(offer.esp_hash).token)
                                              : "[NONE]";
        listing.begin_record();
        listing.text({}, "method", config::to_string(offer));
        listing.text("AH", {}, fmt::format("[{}]", config::row_of(offer.ah).token));
        listing.text("ESP", {}, esp);
        listing.number("Seconds", "seconds", offer.seconds);
        listing.number("kBytes", "kilobytes", offer.kilobytes);
        listing.flag("PFS", {}, pfs);
        listing.end_record();
    }
    listing.end_records();
}

void describe_auth(Listing& listing,
                   const std::vector<config::AuthMethod>& methods,
                   bool show_secrets) {
    const bool list = listing.layout() == Layout::kList;
    if (list) {
        listing.line(fmt::format("Authentication Methods({})", methods.size()));
    }
    if (listing.layout() == Layout::kTable) {
        listing.number("Authentication", {}, methods.size());
        return;
    }
    listing.begin_records("authentication", {}, RecordStyle::kLines);
    for (const config::AuthMethod& method : methods) {
        listing.begin_record();
        switch (method.kind) {
            case config::AuthKind::kKerberos:
                if (list) {
                    listing.line("        KERBEROS");
                }
                listing.text({}, "method", "kerberos");
                break;
            case config::AuthKind::kPresharedKey: {
                const auto bytes = method.preshared_key.bytes();
                const std::string key =
                    show_secrets ? std::string(bytes.begin(), bytes.end()) : std::string("****");
                listing.text({}, "method", "psk");
                listing.text("        Preshared Key", "key", key);
                break;
            }
            case config::AuthKind::kRootCa:
                listing.text({}, "method", "rootca");
                listing.text("        Root CA", "root_ca", method.root_ca);
                listing.flag(
                    "        Certmapping", "certificate_mapping", method.certificate_mapping);
                listing.flag("        Exclude CA name", "exclude_ca_name", method.exclude_ca_name);
                break;
        }
        listing.end_record();
    }
    listing.end_records();
}

void describe_tunnel(Listing& listing, const config::TunnelEndpoint& tunnel) {
    listing.text_as("Tunnel Endpoint",
                    "tunnel",
                    tunnel_text(tunnel),
                    tunnel.kind == config::TunnelKind::kNone ? "" : tunnel_text(tunnel));
    if (!tunnel.dns_name.empty() && listing.layout() != Layout::kTable) {
        listing.text("Tunnel DNS Name", "tunnel_name", tunnel.dns_name);
    }
}

}  // namespace control
