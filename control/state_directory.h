// StateDirectory: the daemon's folder for the policy store, made if needed, and locked so that two
// daemons never write one store.
#pragma once

#include "config/result.h"

#include <string>
#include <utility>

namespace control {

class StateDirectory {
  public:
    // Creates the folder with mode 0700. Errors: kSystem; another daemon holds it, or it cannot be
    // made or locked.
    [[nodiscard]] static config::Result<StateDirectory> open(const std::string& path);
    StateDirectory(StateDirectory&& other) noexcept
        : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}
    StateDirectory& operator=(StateDirectory&&) = delete;
    StateDirectory(const StateDirectory&) = delete;
    StateDirectory& operator=(const StateDirectory&) = delete;
    // Gives up the lock.
    ~StateDirectory();

    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    StateDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

    std::string path_;
    int lock_ = -1;  // descriptor of the folder itself: no lock file is left behind
};

}  // namespace control
