// Messages between netsh and the daemon: a JSON object in a frame (config/frame.h).
//
//   request   {"id":1,"line":"show policy all","json":false,"secrets":false,"once":false}
//             {"id":2,"complete":"ipsec static sh"}
//   response  {"id":1,"code":0,"text":"...","prompt":"netsh ipsec static>","more":false}
//             {"id":2,"code":0,"from":13,"words":["show"]}
//
// A long text comes as several responses of one id, all but the last with more = true. Responses
// come in the order of the requests.
#pragma once

#include "config/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace control {

struct RequestMessage {
    std::uint64_t id = 0;
    bool completion = false;  // `line` is to be completed, not executed
    std::string line;
    bool json = false;
    bool show_secrets = false;
    bool once = false;
};

struct ResponseMessage {
    std::uint64_t id = 0;
    int code = 0;  // 0: success
    std::string text;
    std::string prompt;
    bool more = false;
    std::vector<std::string> words;  // of a completion
    std::size_t from = 0;            // byte of the line that the words would replace
    bool completion = false;
};

[[nodiscard]] config::Result<RequestMessage> parse_request(std::string_view body);
[[nodiscard]] config::Result<ResponseMessage> parse_response(std::string_view body);

// The whole frame, length included.
[[nodiscard]] std::string to_frame(const RequestMessage& request);
[[nodiscard]] std::string to_frame(const ResponseMessage& response);

}  // namespace control
