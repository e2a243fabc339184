// The daemon's reader of the control socket: any bytes, cut anywhere, give requests or an error.
#include "config/frame.h"
#include "control/protocol.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    // The first byte says how the stream is cut.
    const std::size_t step = std::size_t{data[0]} + 1;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    config::FrameReader reader(config::kMaxRequestFrame);
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        reader.append(bytes.substr(at, step));
        auto frame = reader.next();
        for (; frame && *frame; frame = reader.next()) {
            if (const auto request = control::parse_request(**frame)) {
                // What was understood is written and read back the same.
                const std::string again = control::to_frame(*request);
                const auto copy =
                    control::parse_request(std::string_view(again).substr(config::kFrameHeader));
                if (!copy || copy->line != request->line || copy->id != request->id) {
                    std::abort();
                }
            }
            (void)control::parse_response(**frame);
        }
        if (!frame) {
            return 0;
        }
    }
    return 0;
}
