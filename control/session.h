// What one connection remembers between lines: the context it is in and the contexts it has pushed.
// Knows the words of netsh itself (.., pushd, popd, help, contexts); everything else is a command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace control {

enum class Context : unsigned char { kRoot, kIpsec, kStatic, kDynamic };

class Session {
  public:
    [[nodiscard]] Context context() const { return context_; }
    [[nodiscard]] std::string_view prompt() const;  // "netsh ipsec static>"

    void enter(Context context) { context_ = context; }
    void up();
    void push() { stack_.push_back(context_); }
    [[nodiscard]] bool pop();  // false: nothing was pushed

  private:
    Context context_ = Context::kRoot;
    std::vector<Context> stack_;
};

}  // namespace control
