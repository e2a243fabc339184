// An IKE that negotiates nothing: reports what it was given and remembers what it was asked.
#pragma once

#include "control/ike_handle.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

namespace tests {

class FakeIke : public control::IkeHandle {
  public:
    using Report = control::ike::Report;

    [[nodiscard]] Report report() const override { return reported; }
    [[nodiscard]] control::ike::Statistics statistics() const override { return counters; }
    [[nodiscard]] std::optional<control::ike::ChildReport> child(
        control::ike::ChildId id) const override {
        const auto it = std::find_if(
            children.begin(), children.end(), [&](const auto& one) { return one.child == id; });
        return it == children.end() ? std::nullopt : std::optional(*it);
    }
    // A main mode goes without its children: a test sees which of them were closed one by one.
    std::size_t close(const control::ike::MainModeSelection& selection) override {
        closed.push_back(selection);
        return std::erase_if(reported.main_modes, [&](const auto& sa) {
            return (!selection.local || *selection.local == sa.local.address)
                   && (!selection.remote || *selection.remote == sa.remote.address);
        });
    }
    std::size_t close_child(control::ike::ChildId id) override {
        closed_children.push_back(id);
        if (on_close_child) {
            on_close_child(id);
        }
        return std::erase_if(children, [&](const auto& one) { return one.child == id; });
    }
    [[nodiscard]] config::Result<void> check(const config::AuthMethod& method) const override {
        if (method.kind == config::AuthKind::kKerberos || method.certificate_mapping) {
            return config::Error{config::ErrorCode::kNoAuthMethod,
                                 method.kind == config::AuthKind::kKerberos
                                     ? "Kerberos comes with the domain store."
                                     : "Certificate mapping comes with the domain store."};
        }
        return {};
    }
    void set_logging(bool on) override { logging = on; }
    void set_crl_check(unsigned level) override { crl_check = level; }

    Report reported;
    control::ike::Statistics counters;
    std::vector<control::ike::ChildReport> children;
    std::vector<control::ike::MainModeSelection> closed;
    std::vector<control::ike::ChildId> closed_children;
    std::function<void(control::ike::ChildId)> on_close_child;
    std::optional<bool> logging;
    std::optional<unsigned> crl_check;
};

}  // namespace tests
