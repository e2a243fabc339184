#include "tools/pcap_file.h"

#include <fmt/format.h>

#include <array>
#include <pcap/pcap.h>

namespace tools {
namespace {

using config::Error;
using config::ErrorCode;
using config::Result;

constexpr int kSnapLength = 65535;

}  // namespace

void PcapWriter::PcapDeleter::operator()(pcap* handle) const {
    pcap_close(handle);
}

void PcapWriter::DumperDeleter::operator()(pcap_dumper* dumper) const {
    pcap_dump_close(dumper);
}

Result<std::vector<CapturedFrame>> read_pcap(const std::string& path) {
    std::array<char, PCAP_ERRBUF_SIZE> reason{};
    const auto close = [](pcap* handle) { pcap_close(handle); };
    const std::unique_ptr<pcap, decltype(close)> handle(
        pcap_open_offline(path.c_str(), reason.data()), close);
    if (handle == nullptr) {
        return Error{ErrorCode::kFileNotReadable, fmt::format("{}: {}", path, reason.data())};
    }
    if (pcap_datalink(handle.get()) != DLT_EN10MB) {
        return Error{ErrorCode::kBadFile,
                     fmt::format("{}: expected a capture of Ethernet frames.", path)};
    }
    std::vector<CapturedFrame> frames;
    pcap_pkthdr* header = nullptr;
    const unsigned char* bytes = nullptr;
    int status = 0;
    while ((status = pcap_next_ex(handle.get(), &header, &bytes)) == 1) {
        if (header->caplen != header->len) {
            return Error{
                ErrorCode::kBadFile,
                fmt::format(
                    "{}: frame {} was cut short when it was captured.", path, frames.size() + 1)};
        }
        frames.push_back({std::int64_t{header->ts.tv_sec} * 1'000'000 + header->ts.tv_usec,
                          {bytes, bytes + header->caplen}});
    }
    if (status == PCAP_ERROR) {
        return Error{ErrorCode::kBadFile, fmt::format("{}: {}", path, pcap_geterr(handle.get()))};
    }
    return frames;
}

Result<PcapWriter> PcapWriter::create(const std::string& path) {
    PcapWriter writer;
    writer.handle_.reset(pcap_open_dead(DLT_EN10MB, kSnapLength));
    writer.dumper_.reset(pcap_dump_open(writer.handle_.get(), path.c_str()));
    if (writer.dumper_ == nullptr) {
        return Error{ErrorCode::kFileNotReadable,
                     fmt::format("{}: {}", path, pcap_geterr(writer.handle_.get()))};
    }
    return writer;
}

Result<void> PcapWriter::write(const CapturedFrame& frame) {
    pcap_pkthdr header{};
    header.ts.tv_sec = frame.microseconds / 1'000'000;
    header.ts.tv_usec = frame.microseconds % 1'000'000;
    header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
    header.len = header.caplen;
    pcap_dump(reinterpret_cast<unsigned char*>(dumper_.get()), &header, frame.bytes.data());
    if (pcap_dump_flush(dumper_.get()) != 0) {
        return Error{ErrorCode::kFileNotReadable, "A capture file cannot be written."};
    }
    return {};
}

}  // namespace tools
