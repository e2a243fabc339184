// Names from a table, answered at once or, with `hold`, when the test says so.
#pragma once

#include "control/resolver.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tests {

class TableResolver : public control::Resolver {
  public:
    void resolve(const std::string& name, Done done) override {
        if (hold) {
            waiting.emplace_back(name, std::move(done));
            return;
        }
        answer(name, done);
    }

    void answer_all() {
        for (auto& [name, done] : std::exchange(waiting, {})) {
            answer(name, done);
        }
    }

    bool hold = false;
    std::map<std::string, std::vector<config::IpAddress>> names;
    std::vector<std::pair<std::string, Done>> waiting;

  private:
    void answer(const std::string& name, const Done& done) {
        const auto it = names.find(name);
        if (it == names.end()) {
            done(config::Error{config::ErrorCode::kAddressNotResolved,
                               "The name '" + name + "' has no address."});
        } else {
            done(it->second);
        }
    }
};

}  // namespace tests
