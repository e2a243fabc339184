#include "config/frame.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace config {

std::string make_frame(std::string_view body) {
    const auto size = static_cast<std::uint32_t>(body.size());
    std::string frame;
    frame.reserve(kFrameHeader + body.size());
    frame.push_back(static_cast<char>(size >> 24));
    frame.push_back(static_cast<char>(size >> 16));
    frame.push_back(static_cast<char>(size >> 8));
    frame.push_back(static_cast<char>(size));
    frame.append(body);
    return frame;
}

Result<std::optional<std::string>> FrameReader::next() {
    if (buffered() < kFrameHeader) {
        return std::optional<std::string>();
    }
    std::size_t length = 0;
    for (std::size_t i = 0; i < kFrameHeader; ++i) {
        length = length << 8 | static_cast<unsigned char>(buffer_[consumed_ + i]);
    }
    if (length == 0 || length > limit_) {
        return Error{
            ErrorCode::kConnection,
            fmt::format(
                "A message of {} bytes is not valid; 1 to {} were expected.", length, limit_)};
    }
    if (buffered() < kFrameHeader + length) {
        return std::optional<std::string>();
    }
    std::optional<std::string> body(std::in_place, buffer_, consumed_ + kFrameHeader, length);
    consumed_ += kFrameHeader + length;
    // Moving the rest to the front only when most of the buffer is used up keeps the cost linear.
    if (consumed_ == buffer_.size() || consumed_ > buffer_.size() / 2) {
        buffer_.erase(0, consumed_);
        consumed_ = 0;
    }
    return body;
}

}  // namespace config
