// CrlFetcher: gets revocation lists over HTTP on a thread of its own, so that a slow or hostile
// server holds nobody up. Who asks has found the certificate that names the URL to be trusted
// (CVE-2022-40617: strangers' URLs are not visited).
#pragma once

#include "control/x509.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace control {

class CrlFetcher {
  public:
    struct Limits {
        std::size_t bytes = std::size_t{8} << 20U;  // of one list
        std::chrono::milliseconds time{10'000};     // from connecting to the last byte
        std::size_t at_once = 4;
        std::size_t waiting = 64;
    };
    struct Outcome {
        std::string url;
        std::vector<CrlPtr> lists;  // not verified; empty: `error` says why
        std::string error;
    };

    explicit CrlFetcher(Limits limits);
    ~CrlFetcher();
    CrlFetcher(const CrlFetcher&) = delete;
    CrlFetcher& operator=(const CrlFetcher&) = delete;

    // False: not an http: URL, or too many wait.
    [[nodiscard]] bool start(const std::string& url);
    // What has ended since the last call.
    [[nodiscard]] std::vector<Outcome> take();

  private:
    class Transfers;  // of the thread

    void run();

    const Limits limits_;
    std::unique_ptr<Transfers> transfers_;
    std::mutex mutex_;
    std::deque<std::string> waiting_;  // writer, readers: under mutex_; so the next two
    std::vector<Outcome> ended_;
    bool stop_ = false;
    std::thread thread_;  // begins with the first start()
};

}  // namespace control
