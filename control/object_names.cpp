#include "control/object_names.h"

#include "config/policy_store.h"

namespace control {

std::vector<std::string> object_names(config::ObjectKind kind,
                                      const config::PolicyStore& store,
                                      const DynamicState& dynamic) {
    std::vector<std::string> names;
    const auto add = [&names](const auto& objects) {
        for (const auto& object : objects) {
            names.push_back(object.name);
        }
    };
    const auto add_found = [&add](const auto& result) {
        if (result) {
            add(*result);
        }
    };
    switch (kind) {
        case config::ObjectKind::kNone:
            break;
        case config::ObjectKind::kPolicy:
            add_found(store.policies(config::StoreOrder::kName));
            break;
        case config::ObjectKind::kFilterList:
            add_found(store.filter_lists(config::StoreOrder::kName));
            break;
        case config::ObjectKind::kFilterAction:
            add_found(store.filter_actions(config::StoreOrder::kName));
            break;
        case config::ObjectKind::kRule:
            if (const auto policies = store.policies(config::StoreOrder::kName)) {
                for (const config::Policy& policy : *policies) {
                    add_found(store.rules(policy.guid));
                }
            }
            break;
        case config::ObjectKind::kMmPolicy:
            add(dynamic.mm_policies);
            break;
        case config::ObjectKind::kQmPolicy:
            add(dynamic.qm_policies);
            break;
    }
    return names;
}

}  // namespace control
