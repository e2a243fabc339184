// Owners of OpenSSL's objects.
#pragma once

#include <memory>

namespace crypto {

template <auto kFree>
struct OpensslFree {
    template <typename T>
    void operator()(T* object) const noexcept {
        kFree(object);
    }
};

// OpensslHandle<EVP_MD_CTX, EVP_MD_CTX_free>
template <typename T, auto kFree>
using OpensslHandle = std::unique_ptr<T, OpensslFree<kFree>>;

}  // namespace crypto
