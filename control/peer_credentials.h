// Who is at the other end of a UNIX socket, and whether the socket's group lets that user in.
#pragma once

#include "config/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace control {

struct PeerCredentials {
    uid_t uid = 0;
    pid_t pid = 0;
    bool allowed = false;  // root, the daemon's own user, or a member of `group`
};

[[nodiscard]] config::Result<gid_t> find_group(const std::string& name);
[[nodiscard]] config::Result<PeerCredentials> peer_credentials(int socket,
                                                               std::optional<gid_t> group);

}  // namespace control
