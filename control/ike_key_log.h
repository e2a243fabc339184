// IkeKeyLog: the encryption keys of ISAKMP SAs in the form of Wireshark's ikev1_decryption_table,
// for captures on a test bed. Whoever reads the file reads every negotiation: off unless
// gateway.toml asks for it by the name insecure_key_log.
#pragma once

#include "config/result.h"
#include "control/ike/isakmp.h"

#include <string>

namespace control {

class IkeKeyLog {
  public:
    // Appends; a new file is readable by its owner only. Errors: kFileNotReadable.
    [[nodiscard]] static config::Result<IkeKeyLog> open(const std::string& path);
    ~IkeKeyLog();
    IkeKeyLog(IkeKeyLog&& other) noexcept;
    IkeKeyLog& operator=(IkeKeyLog&& other) noexcept;
    IkeKeyLog(const IkeKeyLog&) = delete;
    IkeKeyLog& operator=(const IkeKeyLog&) = delete;

    // One line: initiator's cookie and key, hex.
    void write(const ike::Cookie& initiator, ike::ByteView encryption_key);

  private:
    explicit IkeKeyLog(int file) : file_(file) {}

    int file_ = -1;
};

}  // namespace control
