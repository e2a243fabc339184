// CrlStore: revocation lists of files and of the web, each given out only for the issuer whose
// signature it bears. Used by one thread.
#pragma once

#include "config/result.h"
#include "control/crl_fetcher.h"
#include "control/x509.h"

#include <chrono>
#include <cstddef>
#include <ctime>
#include <map>
#include <string>
#include <vector>

namespace control {

class CrlStore {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kMostUrls = 256;              // remembered, the last used ones
    static constexpr std::size_t kMostUrlsPerCertificate = 3;  // the first ones it names

    struct Options {
        std::chrono::milliseconds retry{60'000};  // a URL is asked for at most once in this time
        CrlFetcher::Limits fetch;
    };

    struct List {
        CrlPtr crl;
        // Digests of the keys of issuers of its name: the last one it was found good with, and the
        // last one it was refused with.
        ike::Bytes verified_by;
        ike::Bytes refused_by;
    };

    explicit CrlStore(Options options) : options_(options), fetcher_(options.fetch) {}

    // Errors: kSystem; the text begins with the path.
    [[nodiscard]] config::Result<void> load(const std::vector<std::string>& paths);
    // Reads files that have changed and takes what was fetched. A file that has become unreadable
    // is named in the log; its lists stay.
    void refresh();

    // The lists of this issuer, verified by its key. Views: until refresh().
    [[nodiscard]] std::vector<X509_CRL*> lists_of(X509& issuer);
    // Asks for lists that the certificate names by http: and that have not been asked for within
    // `retry`. True: one is on its way. Precondition: the certificate is trusted.
    [[nodiscard]] bool fetch(X509& certificate);
    // Why there is none: "; http://...: status 404", empty if none was asked for.
    [[nodiscard]] std::string fetch_errors(X509& certificate) const;

  private:
    struct File {
        std::string path;
        std::string signature;  // changes when the file does
        std::vector<List> lists;
    };
    struct Url {
        bool on_its_way = false;
        Clock::time_point asked;
        std::string error;
        std::vector<List> lists;
    };

    void take_fetched();
    void forget_oldest_url();

    Options options_;
    std::vector<File> files_;
    std::map<std::string, Url> urls_;
    CrlFetcher fetcher_;
};

}  // namespace control
