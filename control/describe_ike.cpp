#include "control/describe_ike.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

namespace control {

namespace {

std::string cookie_text(const ike::Cookie& cookie) {
    return fmt::format("{:02x}", fmt::join(cookie, ""));
}

}  // namespace

void describe_cookies(Listing& listing,
                      std::string_view label,
                      const ike::Cookie& initiator,
                      const ike::Cookie& responder) {
    listing.text(label, {}, cookie_text(initiator) + ":" + cookie_text(responder));
    listing.text({}, "initiator_cookie", cookie_text(initiator));
    listing.text({}, "responder_cookie", cookie_text(responder));
}

void describe_role(Listing& listing, std::string_view label, bool is_initiator) {
    listing.text_as(label,
                    "role",
                    is_initiator ? "INITIATOR" : "RESPONDER",
                    is_initiator ? "initiator" : "responder");
}

void describe_rekey(Listing& listing,
                    std::string_view label,
                    const std::optional<std::uint64_t>& seconds) {
    if (seconds) {
        listing.number_as(
            label, "rekey_in_seconds", fmt::format("in {} seconds", *seconds), *seconds);
    } else {
        listing.null_as(label, "rekey_in_seconds", "BY THE PEER");
    }
}

}  // namespace control
