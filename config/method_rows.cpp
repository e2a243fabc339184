#include "config/method_rows.h"

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace config {
namespace {

struct ListSql {
    std::string_view remove;
    std::string_view insert;
    std::string_view select;
};

// Indexed by QmOfferOwner.
constexpr auto kQmOfferSql = std::to_array<ListSql>({
    {"DELETE FROM action_offer WHERE action = ?1",
     "INSERT INTO action_offer VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
     "SELECT ah, has_esp, esp_cipher, esp_hash, kilobytes, seconds FROM action_offer"
     " WHERE action = ?1 ORDER BY position"},
    {"DELETE FROM default_rule_offer WHERE policy = ?1",
     "INSERT INTO default_rule_offer VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
     "SELECT ah, has_esp, esp_cipher, esp_hash, kilobytes, seconds FROM default_rule_offer"
     " WHERE policy = ?1 ORDER BY position"},
});

// Indexed by AuthOwner.
constexpr auto kAuthSql = std::to_array<ListSql>({
    {"DELETE FROM rule_auth WHERE rule = ?1",
     "INSERT INTO rule_auth VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
     "SELECT kind, preshared_key, root_ca, certificate_mapping, exclude_ca_name FROM rule_auth"
     " WHERE rule = ?1 ORDER BY position"},
    {"DELETE FROM default_rule_auth WHERE policy = ?1",
     "INSERT INTO default_rule_auth VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
     "SELECT kind, preshared_key, root_ca, certificate_mapping, exclude_ca_name"
     " FROM default_rule_auth WHERE policy = ?1 ORDER BY position"},
});

}  // namespace

Result<void> replace_offers(Database& database,
                            const Guid& policy,
                            const std::vector<MmOffer>& offers) {
    Result<void> done = database.run("DELETE FROM mm_offer WHERE policy = ?1", policy);
    for (std::size_t i = 0; done && i < offers.size(); ++i) {
        done = database.run("INSERT INTO mm_offer VALUES (?1, ?2, ?3, ?4, ?5)",
                            policy,
                            i,
                            offers[i].cipher,
                            offers[i].hash,
                            offers[i].dh_group);
    }
    return done;
}

Result<void> replace_offers(Database& database,
                            QmOfferOwner kind,
                            const Guid& owner,
                            const std::vector<QmOffer>& offers) {
    const ListSql& sql = kQmOfferSql.at(static_cast<std::size_t>(kind));
    Result<void> done = database.run(sql.remove, owner);
    for (std::size_t i = 0; done && i < offers.size(); ++i) {
        done = database.run(sql.insert,
                            owner,
                            i,
                            offers[i].ah,
                            offers[i].has_esp,
                            offers[i].esp_cipher,
                            offers[i].esp_hash,
                            offers[i].kilobytes,
                            offers[i].seconds);
    }
    return done;
}

Result<void> replace_auth_methods(Database& database,
                                  AuthOwner kind,
                                  const Guid& owner,
                                  const std::vector<AuthMethod>& methods) {
    const ListSql& sql = kAuthSql.at(static_cast<std::size_t>(kind));
    Result<void> done = database.run(sql.remove, owner);
    for (std::size_t i = 0; done && i < methods.size(); ++i) {
        done = database.run(sql.insert,
                            owner,
                            i,
                            methods[i].kind,
                            methods[i].preshared_key,
                            methods[i].root_ca,
                            methods[i].certificate_mapping,
                            methods[i].exclude_ca_name);
    }
    return done;
}

Result<std::vector<MmOffer>> read_mm_offers(Database& database, const Guid& policy) {
    std::vector<MmOffer> offers;
    Query query = database.query(
        "SELECT cipher, hash, dh_group FROM mm_offer WHERE policy = ?1 ORDER BY position", policy);
    while (query.next()) {
        MmOffer& offer = offers.emplace_back();
        offer.cipher = query.word<Cipher>();
        offer.hash = query.word<Hash>();
        offer.dh_group = query.number<std::uint16_t>();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return offers;
}

Result<std::vector<QmOffer>> read_qm_offers(Database& database,
                                            QmOfferOwner kind,
                                            const Guid& owner) {
    std::vector<QmOffer> offers;
    Query query = database.query(kQmOfferSql.at(static_cast<std::size_t>(kind)).select, owner);
    while (query.next()) {
        QmOffer& offer = offers.emplace_back();
        offer.ah = query.word<Hash>();
        offer.has_esp = query.boolean();
        offer.esp_cipher = query.word<Cipher>();
        offer.esp_hash = query.word<Hash>();
        offer.kilobytes = query.number<std::uint32_t>();
        offer.seconds = query.number<std::uint32_t>();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return offers;
}

Result<std::vector<AuthMethod>> read_auth_methods(Database& database,
                                                  AuthOwner kind,
                                                  const Guid& owner) {
    std::vector<AuthMethod> methods;
    Query query = database.query(kAuthSql.at(static_cast<std::size_t>(kind)).select, owner);
    while (query.next()) {
        AuthMethod& method = methods.emplace_back();
        method.kind = query.word<AuthKind>();
        method.preshared_key = query.secret();
        method.root_ca = query.text();
        method.certificate_mapping = query.boolean();
        method.exclude_ca_name = query.boolean();
    }
    if (Result<void> finished = query.finish(); !finished) {
        return std::move(finished).error();
    }
    return methods;
}

}  // namespace config
