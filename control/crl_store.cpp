// Revocation lists: see crl_store.h.
#include "control/crl_store.h"

#include "control/log.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <utility>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;
using DistributionPointsPtr = std::unique_ptr<CRL_DIST_POINTS, OpensslFree<CRL_DIST_POINTS_free>>;

constexpr std::size_t kMaxCrlFile = std::size_t{64} << 20U;
constexpr std::size_t kLongestUrl = 1024;

std::string file_signature(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return {};
    }
    return fmt::format("{} {} {}.{}",
                       status.st_ino,
                       status.st_size,
                       status.st_mtim.tv_sec,
                       status.st_mtim.tv_nsec);
}

Result<std::vector<CrlPtr>> read_crls(const std::string& path) {
    const Result<ike::Bytes> bytes = read_file(path, kMaxCrlFile);
    if (!bytes) {
        return bytes.error();
    }
    std::vector<CrlPtr> crls = decode_crls(*bytes);
    if (crls.empty()) {
        return Error{ErrorCode::kSystem,
                     fmt::format("{}: expected revocation lists in DER or PEM (\"-----BEGIN X509 "
                                 "CRL-----\"), found none",
                                 path)};
    }
    return crls;
}

ike::Bytes key_digest(const X509& issuer) {
    ike::Bytes digest(EVP_MAX_MD_SIZE);
    unsigned length = 0;
    if (X509_pubkey_digest(&issuer, EVP_sha256(), digest.data(), &length) != 1) {
        length = 0;
    }
    digest.resize(length);
    return digest;
}

// Verifies once per key.
bool usable(CrlStore::List& list, X509& issuer, const ike::Bytes& key, const std::string& source) {
    if (list.verified_by == key || list.refused_by == key) {
        return list.verified_by == key;
    }
    std::string_view fault;
    if (X509_CRL_verify(list.crl.get(), X509_get0_pubkey(&issuer)) != 1) {
        fault = "its signature is not that of";
    } else if (X509_CRL_get0_nextUpdate(list.crl.get()) == nullptr) {
        // RFC 5280 5.1.2.5 wants it: without it the list would be good for ever.
        fault = "it does not say when it ends (nextUpdate); it is of";
    }
    ERR_clear_error();
    (fault.empty() ? list.verified_by : list.refused_by) = key;
    if (!fault.empty()) {
        log::warning(log::Category::kIpsec,
                     "revocation list refused: {}: {} {}",
                     source,
                     fault,
                     subject_text(issuer));
    }
    return fault.empty();
}

// RFC 5280 4.2.1.13: `fullName` of points whose list is the issuer's own.
std::vector<std::string> http_urls(X509& certificate) {
    std::vector<std::string> urls;
    const DistributionPointsPtr points(static_cast<CRL_DIST_POINTS*>(
        X509_get_ext_d2i(&certificate, NID_crl_distribution_points, nullptr, nullptr)));
    ERR_clear_error();
    for (int i = 0; points != nullptr && i < sk_DIST_POINT_num(points.get()); ++i) {
        const DIST_POINT* point = sk_DIST_POINT_value(points.get(), i);
        if (point->distpoint == nullptr || point->distpoint->type != 0
            || point->CRLissuer != nullptr) {
            continue;
        }
        const GENERAL_NAMES* names = point->distpoint->name.fullname;
        for (int j = 0; j < sk_GENERAL_NAME_num(names); ++j) {
            const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, j);
            if (name->type != GEN_URI || urls.size() >= CrlStore::kMostUrlsPerCertificate) {
                continue;
            }
            const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
            std::string url(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                            static_cast<std::size_t>(ASN1_STRING_length(uri)));
            // Not std::isgraph(): the locale has no say.
            const bool plain =
                std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7F'; });
            if (plain && url.size() <= kLongestUrl && url.starts_with("http://")) {
                urls.push_back(std::move(url));
            }
        }
    }
    return urls;
}

}  // namespace

Result<void> CrlStore::load(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
        File& file = files_.emplace_back();
        file.path = path;
        file.signature = file_signature(path);
        Result<std::vector<CrlPtr>> crls = read_crls(path);
        if (!crls) {
            return std::move(crls).error();
        }
        for (CrlPtr& crl : *crls) {
            file.lists.push_back({std::move(crl), {}, {}});
        }
    }
    return {};
}

void CrlStore::refresh() {
    for (File& file : files_) {
        std::string signature = file_signature(file.path);
        if (signature == file.signature) {
            continue;
        }
        file.signature = std::move(signature);
        Result<std::vector<CrlPtr>> crls = read_crls(file.path);
        if (!crls) {
            log::warning(log::Category::kIpsec,
                         "revocation list not read again, the old one stays: {}",
                         crls.error().text);
            continue;
        }
        file.lists.clear();
        for (CrlPtr& crl : *crls) {
            file.lists.push_back({std::move(crl), {}, {}});
        }
        log::info(log::Category::kIpsec, "revocation list read again: {}", file.path);
    }
    take_fetched();
}

void CrlStore::take_fetched() {
    for (CrlFetcher::Outcome& outcome : fetcher_.take()) {
        const auto found = urls_.find(outcome.url);
        if (found == urls_.end()) {
            continue;
        }
        Url& url = found->second;
        url.on_its_way = false;
        url.error = outcome.error;
        if (!outcome.error.empty()) {
            log::warning(log::Category::kIpsec,
                         "revocation list not fetched: {}: {}",
                         outcome.url,
                         outcome.error);
            continue;
        }
        url.lists.clear();
        for (CrlPtr& crl : outcome.lists) {
            url.lists.push_back({std::move(crl), {}, {}});
        }
        log::info(log::Category::kIpsec, "revocation list fetched: {}", outcome.url);
    }
}

std::vector<X509_CRL*> CrlStore::lists_of(X509& issuer) {
    std::vector<X509_CRL*> lists;
    const ike::Bytes key = key_digest(issuer);
    const auto add = [&](std::vector<List>& from, const std::string& source) {
        for (List& list : from) {
            if (X509_NAME_cmp(X509_CRL_get_issuer(list.crl.get()), X509_get_subject_name(&issuer))
                    == 0
                && usable(list, issuer, key, source)) {
                lists.push_back(list.crl.get());
            }
        }
    };
    for (File& file : files_) {
        add(file.lists, file.path);
    }
    for (auto& [name, url] : urls_) {
        add(url.lists, name);
    }
    return lists;
}

bool CrlStore::fetch(X509& certificate) {
    bool waiting = false;
    const Clock::time_point now = Clock::now();
    for (const std::string& name : http_urls(certificate)) {
        const auto found = urls_.find(name);
        if (found != urls_.end() && found->second.on_its_way) {
            waiting = true;
            continue;
        }
        if (found != urls_.end() && now - found->second.asked < options_.retry) {
            continue;
        }
        if (!fetcher_.start(name)) {
            continue;
        }
        if (found == urls_.end() && urls_.size() >= kMostUrls) {
            forget_oldest_url();
        }
        Url& url = urls_[name];
        url.on_its_way = true;
        url.asked = now;
        waiting = true;
    }
    return waiting;
}

std::string CrlStore::fetch_errors(X509& certificate) const {
    std::string text;
    for (const std::string& name : http_urls(certificate)) {
        const auto found = urls_.find(name);
        if (found != urls_.end() && !found->second.error.empty()) {
            text += fmt::format("; {}: {}", name, found->second.error);
        }
    }
    return text;
}

void CrlStore::forget_oldest_url() {
    urls_.erase(std::min_element(urls_.begin(), urls_.end(), [](const auto& a, const auto& b) {
        return a.second.asked < b.second.asked;
    }));
}

}  // namespace control
