// Capture files of Ethernet frames, through libpcap.
#pragma once

#include "config/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct pcap;
struct pcap_dumper;

namespace tools {

struct CapturedFrame {
    std::int64_t microseconds = 0;  // since the epoch
    std::vector<std::uint8_t> bytes;
};

// Errors: kFileNotReadable, kBadFile (not a capture, not Ethernet, a frame cut short by the capture
// length).
[[nodiscard]] config::Result<std::vector<CapturedFrame>> read_pcap(const std::string& path);

class PcapWriter {
  public:
    [[nodiscard]] static config::Result<PcapWriter> create(const std::string& path);

    config::Result<void> write(const CapturedFrame& frame);

  private:
    struct PcapDeleter {
        void operator()(pcap* handle) const;
    };
    struct DumperDeleter {
        void operator()(pcap_dumper* dumper) const;
    };

    std::unique_ptr<pcap, PcapDeleter> handle_;
    std::unique_ptr<pcap_dumper, DumperDeleter> dumper_;
};

}  // namespace tools
