#include "control/peer_credentials.h"

#include "config/errno_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace control {

config::Result<gid_t> find_group(const std::string& name) {
    std::vector<char> buffer(1024);
    group entry{};
    group* found = nullptr;
    int code = 0;
    while ((code = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE
           && buffer.size() < (std::size_t{1} << 20)) {
        buffer.resize(buffer.size() * 2);
    }
    if (found == nullptr) {
        return config::Error{
            config::ErrorCode::kSystem,
            fmt::format("The group '{}' of the control socket does not exist.", name)};
    }
    return found->gr_gid;
}

config::Result<PeerCredentials> peer_credentials(int socket, std::optional<gid_t> group) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return config::Error{config::ErrorCode::kSystem,
                             fmt::format("SO_PEERCRED: {}", config::errno_text(errno))};
    }
    PeerCredentials peer{credentials.uid, credentials.pid, false};
    if (credentials.uid == 0 || credentials.uid == geteuid()) {
        peer.allowed = true;
        return peer;
    }
    if (!group) {
        return peer;
    }
    if (credentials.gid == *group) {
        peer.allowed = true;
        return peer;
    }
    // The kernel writes at most 65,536 groups (NGROUPS_MAX) and reports the length it needs.
    std::vector<gid_t> groups(64);
    socklen_t bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    int code = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes);
    if (code != 0 && errno == ERANGE) {
        groups.resize(bytes / sizeof(gid_t));
        code = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes);
    }
    if (code == 0) {
        groups.resize(bytes / sizeof(gid_t));
        peer.allowed = std::find(groups.begin(), groups.end(), *group) != groups.end();
    }
    return peer;
}

}  // namespace control
