#include "dataplane/iv_source.h"

#include "config/errno_text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <sys/random.h>
#include <utility>

namespace dataplane {

using config::Error;
using config::ErrorCode;

// The context keeps the algorithm, so that a new key neither fetches nor allocates.
struct IvSource::Cipher {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();

    Cipher() = default;
    Cipher(const Cipher&) = delete;
    Cipher& operator=(const Cipher&) = delete;
    ~Cipher() { EVP_CIPHER_CTX_free(context); }

    [[nodiscard]] bool choose_aes() const {
        EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
        const bool ok = aes != nullptr && context != nullptr
                        && EVP_EncryptInit_ex2(context, aes, nullptr, nullptr, nullptr) == 1;
        EVP_CIPHER_free(aes);
        return ok;
    }
    // Counts from zero under each key: none is used for a second stream.
    [[nodiscard]] bool use_key(const std::uint8_t* key) const {
        static constexpr Key kZero{};
        return EVP_EncryptInit_ex2(context, nullptr, key, kZero.data(), nullptr) == 1;
    }
};

IvSource::IvSource(std::unique_ptr<Cipher> cipher) : cipher_(std::move(cipher)) {}

IvSource::~IvSource() {
    OPENSSL_cleanse(stream_.data(), stream_.size());
}

config::Result<std::unique_ptr<IvSource>> IvSource::create() {
    Key key{};
    if (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
        return Error{ErrorCode::kSystem,
                     fmt::format("No random key for IVs: {}.", config::errno_text(errno))};
    }
    auto made = create(key);
    OPENSSL_cleanse(key.data(), key.size());
    return made;
}

config::Result<std::unique_ptr<IvSource>> IvSource::create(const Key& key) {
    auto cipher = std::make_unique<Cipher>();
    if (!cipher->choose_aes() || !cipher->use_key(key.data())) {
        return Error{ErrorCode::kSystem, "OpenSSL does not provide AES-128-CTR for IVs."};
    }
    return std::unique_ptr<IvSource>(new IvSource(std::move(cipher)));
}

void IvSource::refill() {
    stream_.fill(0);
    int written = 0;
    const bool ok =
        EVP_EncryptUpdate(cipher_->context, stream_.data(), &written, stream_.data(), int{kBytes})
            == 1
        && cipher_->use_key(stream_.data());
    if (!ok) {
        // A cipher that once had a key does not fail. Nothing else may happen than to stop: the
        // stream would be zeros or a repetition, and IVs could be told in advance.
        std::abort();
    }
    OPENSSL_cleanse(stream_.data(), sizeof(Key));
    at_ = sizeof(Key);
}

}  // namespace dataplane
