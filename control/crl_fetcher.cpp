// Fetching of revocation lists: see crl_fetcher.h.
#include "control/crl_fetcher.h"

#include <fmt/format.h>

#include <curl/curl.h>
#include <map>
#include <string_view>
#include <utility>

namespace control {

namespace {

constexpr long kMostRedirects = 3;

void global_init() {
    static const CURLcode kDone = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(kDone);
}

struct Transfer {
    std::string url;
    ike::Bytes body;
    std::size_t limit = 0;
    bool too_long = false;
};

std::size_t take_bytes(const char* bytes, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::size_t length = size * count;
    if (length > transfer.limit - transfer.body.size()) {
        transfer.too_long = true;
        return 0;
    }
    transfer.body.insert(transfer.body.end(), bytes, bytes + length);
    return length;
}

CrlFetcher::Outcome outcome_of(Transfer& transfer, CURLcode result, long status) {
    constexpr long kOk = 200;
    CrlFetcher::Outcome outcome{std::move(transfer.url), {}, {}};
    if (transfer.too_long) {
        outcome.error = fmt::format("longer than {} bytes", transfer.limit);
    } else if (result != CURLE_OK) {
        outcome.error = curl_easy_strerror(result);
    } else if (status != kOk) {
        outcome.error = fmt::format("the server answered with status {}", status);
    } else {
        outcome.lists = decode_crls(transfer.body);
        if (outcome.lists.empty()) {
            outcome.error = "what came is not a revocation list in DER or PEM";
        }
    }
    return outcome;
}

}  // namespace

// Everything of libcurl. Only wake() may be called by another thread.
class CrlFetcher::Transfers {
  public:
    Transfers() : multi_(curl_multi_init()) {}
    ~Transfers() {
        for (const auto& [easy, transfer] : running_) {
            curl_multi_remove_handle(multi_, easy);
            curl_easy_cleanup(easy);
        }
        curl_multi_cleanup(multi_);
    }
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;

    void wake() { curl_multi_wakeup(multi_); }
    [[nodiscard]] std::size_t running() const { return running_.size(); }

    // False: no memory.
    [[nodiscard]] bool start(const std::string& url, const Limits& limits) {
        CURL* easy = curl_easy_init();
        if (easy == nullptr) {
            return false;
        }
        Transfer& transfer = *running_.emplace(easy, std::make_unique<Transfer>()).first->second;
        transfer.url = url;
        transfer.limit = limits.bytes;
        curl_easy_setopt(easy, CURLOPT_URL, transfer.url.c_str());
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
        curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kMostRedirects);
        // The environment of a daemon should not decide where it connects to.
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        // Do not wait for a name that is being looked up when the daemon stops.
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.time.count()));
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
        if (curl_multi_add_handle(multi_, easy) != CURLM_OK) {
            running_.erase(easy);
            curl_easy_cleanup(easy);
            return false;
        }
        return true;
    }

    // Waits for something to happen, and gives what has ended.
    std::vector<Outcome> step() {
        constexpr int kLongest = 1000;  // milliseconds; wake() ends it
        int running = 0;
        curl_multi_perform(multi_, &running);
        std::vector<Outcome> ended = collect();
        if (ended.empty()) {
            curl_multi_poll(multi_, nullptr, 0, kLongest, nullptr);
        }
        return ended;
    }

  private:
    std::vector<Outcome> collect() {
        std::vector<Outcome> ended;
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) {
                continue;
            }
            CURL* easy = message->easy_handle;
            const CURLcode result = message->data.result;
            long status = 0;
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            ended.push_back(outcome_of(*running_.at(easy), result, status));
            curl_multi_remove_handle(multi_, easy);
            curl_easy_cleanup(easy);
            running_.erase(easy);
        }
        return ended;
    }

    CURLM* multi_;
    std::map<CURL*, std::unique_ptr<Transfer>> running_;
};

CrlFetcher::CrlFetcher(Limits limits) : limits_(limits) {
    global_init();
    transfers_ = std::make_unique<Transfers>();
}

CrlFetcher::~CrlFetcher() {
    {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
    }
    transfers_->wake();
    if (thread_.joinable()) {
        thread_.join();
    }
}

bool CrlFetcher::start(const std::string& url) {
    if (!url.starts_with("http://")) {
        return false;
    }
    {
        const std::scoped_lock lock(mutex_);
        if (waiting_.size() >= limits_.waiting) {
            return false;
        }
        waiting_.push_back(url);
    }
    if (!thread_.joinable()) {
        thread_ = std::thread([this] { run(); });
    }
    transfers_->wake();
    return true;
}

std::vector<CrlFetcher::Outcome> CrlFetcher::take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(ended_, {});
}

void CrlFetcher::run() {
    while (true) {
        {
            const std::scoped_lock lock(mutex_);
            if (stop_) {
                return;
            }
            while (!waiting_.empty() && transfers_->running() < limits_.at_once) {
                if (!transfers_->start(waiting_.front(), limits_)) {
                    ended_.push_back({waiting_.front(), {}, "cannot be started"});
                }
                waiting_.pop_front();
            }
        }
        std::vector<Outcome> ended = transfers_->step();
        const std::scoped_lock lock(mutex_);
        for (Outcome& outcome : ended) {
            ended_.push_back(std::move(outcome));
        }
    }
}

}  // namespace control
