// Offers and authentication methods in the policy store: ordered lists that belong to a policy, a
// rule or a filter action and are always replaced as a whole.
#pragma once

#include "config/database.h"
#include "config/policy.h"

#include <vector>

namespace config {

enum class QmOfferOwner : std::uint8_t { kFilterAction, kDefaultRule };
enum class AuthOwner : std::uint8_t { kRule, kDefaultRule };

// `owner` is the GUID of the filter action or rule; of the policy for its default response rule.
Result<void> replace_offers(Database& database,
                            const Guid& policy,
                            const std::vector<MmOffer>& offers);
Result<void> replace_offers(Database& database,
                            QmOfferOwner kind,
                            const Guid& owner,
                            const std::vector<QmOffer>& offers);
Result<void> replace_auth_methods(Database& database,
                                  AuthOwner kind,
                                  const Guid& owner,
                                  const std::vector<AuthMethod>& methods);

[[nodiscard]] Result<std::vector<MmOffer>> read_mm_offers(Database& database, const Guid& policy);
[[nodiscard]] Result<std::vector<QmOffer>> read_qm_offers(Database& database,
                                                          QmOfferOwner kind,
                                                          const Guid& owner);
[[nodiscard]] Result<std::vector<AuthMethod>> read_auth_methods(Database& database,
                                                                AuthOwner kind,
                                                                const Guid& owner);

}  // namespace config
