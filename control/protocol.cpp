#include "control/protocol.h"

#include "config/frame.h"

#include <nlohmann/json.hpp>

namespace control {

namespace {

using Json = nlohmann::json;

config::Error malformed(std::string_view expected) {
    return {config::ErrorCode::kConnection,
            "The message is not valid: " + std::string(expected) + " was expected."};
}

// Copies a member if it is there. False: it is there with another type.
bool take(const Json& object, const char* key, bool& out) {
    const auto it = object.find(key);
    if (it == object.end()) {
        return true;
    }
    if (!it->is_boolean()) {
        return false;
    }
    out = it->get<bool>();
    return true;
}

bool take(const Json& object, const char* key, std::string& out) {
    const auto it = object.find(key);
    if (it == object.end()) {
        return true;
    }
    if (!it->is_string()) {
        return false;
    }
    out = it->get<std::string>();
    return true;
}

bool take_id(const Json& object, std::uint64_t& out) {
    const auto it = object.find("id");
    if (it == object.end() || !it->is_number_unsigned()) {
        return false;
    }
    out = it->get<std::uint64_t>();
    return true;
}

std::string frame(const Json& object) {
    // Text that is not UTF-8 (it can only come from a damaged file) must not end the connection.
    return config::make_frame(object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

config::Result<RequestMessage> parse_request(std::string_view body) {
    const Json object = Json::parse(body, nullptr, false);
    if (!object.is_object()) {
        return malformed("a JSON object");
    }
    RequestMessage request;
    if (!take_id(object, request.id)) {
        return malformed("\"id\" with a number");
    }
    request.completion = object.contains("complete");
    if (request.completion == object.contains("line")) {
        return malformed("either \"line\" or \"complete\"");
    }
    if (!take(object, request.completion ? "complete" : "line", request.line)) {
        return malformed("a string as line");
    }
    if (!take(object, "json", request.json) || !take(object, "secrets", request.show_secrets)
        || !take(object, "once", request.once)) {
        return malformed("true or false for \"json\", \"secrets\" and \"once\"");
    }
    return request;
}

config::Result<ResponseMessage> parse_response(std::string_view body) {
    const Json object = Json::parse(body, nullptr, false);
    if (!object.is_object()) {
        return malformed("a JSON object");
    }
    ResponseMessage response;
    if (!take_id(object, response.id)) {
        return malformed("\"id\" with a number");
    }
    const auto code = object.find("code");
    if (code == object.end() || !code->is_number_integer()) {
        return malformed("\"code\" with a number");
    }
    response.code = code->get<int>();
    if (!take(object, "text", response.text) || !take(object, "prompt", response.prompt)
        || !take(object, "more", response.more)) {
        return malformed("strings in \"text\" and \"prompt\"");
    }
    if (const auto words = object.find("words"); words != object.end()) {
        const auto from = object.find("from");
        if (!words->is_array() || from == object.end() || !from->is_number_unsigned()) {
            return malformed("a list of words and their place");
        }
        response.completion = true;
        response.from = from->get<std::size_t>();
        for (const Json& word : *words) {
            if (!word.is_string()) {
                return malformed("a list of words");
            }
            response.words.push_back(word.get<std::string>());
        }
    }
    return response;
}

std::string to_frame(const RequestMessage& request) {
    Json object{{"id", request.id}};
    if (request.completion) {
        object["complete"] = request.line;
    } else {
        object["line"] = request.line;
        object["json"] = request.json;
        object["secrets"] = request.show_secrets;
        object["once"] = request.once;
    }
    return frame(object);
}

std::string to_frame(const ResponseMessage& response) {
    Json object{{"id", response.id}, {"code", response.code}};
    if (!response.completion) {
        object["text"] = response.text;
        object["prompt"] = response.prompt;
        object["more"] = response.more;
    } else {
        object["from"] = response.from;
        object["words"] = response.words;
    }
    return frame(object);
}

}  // namespace control
