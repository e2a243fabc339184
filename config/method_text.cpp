// Printers of security methods: the canonical forms of config/methods.h.
#include "config/methods.h"

#include <fmt/format.h>

#include <algorithm>

namespace config {
namespace {

template <typename Offer>
std::string join(const std::vector<Offer>& offers) {
    std::string text;
    for (const Offer& offer : offers) {
        text += text.empty() ? "" : " ";
        text += to_string(offer);
    }
    return text;
}

}  // namespace

std::string to_string(const MmOffer& offer) {
    const auto* row = std::find_if(kDhGroups.begin(), kDhGroups.end(), [&](const DhGroupRow& r) {
        return r.ike_group == offer.dh_group;
    });
    return fmt::format("{}-{}-{}",
                       row_of(offer.cipher).token,
                       row_of(offer.hash).token,
                       row == kDhGroups.end() ? offer.dh_group : row->netsh_group);
}

std::string algorithms_text(const QmOffer& offer) {
    std::string text;
    if (offer.ah != Hash::kNone) {
        text = fmt::format("AH[{}]", row_of(offer.ah).token);
    }
    if (offer.has_esp) {
        text += fmt::format("{}ESP[{},{}]",
                            text.empty() ? "" : "+",
                            row_of(offer.esp_cipher).token,
                            row_of(offer.esp_hash).token);
    }
    return text;
}

std::string to_string(const QmOffer& offer) {
    return fmt::format("{}:{}k/{}s", algorithms_text(offer), offer.kilobytes, offer.seconds);
}

std::string to_string(const std::vector<MmOffer>& offers) {
    return join(offers);
}

std::string to_string(const std::vector<QmOffer>& offers) {
    return join(offers);
}

}  // namespace config
