#include "control/controller.h"

#include "config/policy_store.h"
#include "config/rule_sources.h"
#include "config/rule_tags.h"
#include "control/commands.h"
#include "control/masked_line.h"
#include "control/object_names.h"
#include "control/settings.h"

#include <fmt/format.h>

#include <ctime>
#include <optional>
#include <unordered_set>
#include <utility>

namespace control {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;

// Replies beyond this are made in a later batch, so that one client's listings do not pile up.
constexpr std::size_t kMaxBatchOutput = std::size_t{8} << 20;

std::string error_text(const Error& error) {
    return config::format_error(error) + "\n";
}

// SAs belong to no transaction: they are in force at once, and as nobody keeps their keys, one that
// was deleted could not come back.
bool changes_sas(const config::CommandSpec& spec) {
    return spec.id == config::CommandId::kDynamicAddSa
           || spec.id == config::CommandId::kDynamicDeleteSa;
}

bool writes_store(const config::CommandSpec& spec) {
    return spec.changes && !changes_sas(spec);
}

}  // namespace

class Controller::Impl {
  public:
    Impl(config::PolicyStore& store,
         DataplaneHandle& dataplane,
         Resolver& resolver,
         ControllerOptions options)
        : store_(store),
          dataplane_(dataplane),
          resolver_(resolver),
          options_(std::move(options)),
          store_name_("Local Store <" + options_.host_name + ">") {}

    Result<std::uint64_t> refresh();
    void execute(std::shared_ptr<Session> session,
                 Peer peer,
                 std::vector<Request> requests,
                 Done done);
    [[nodiscard]] const DynamicState& dynamic_state() const { return dynamic_; }
    [[nodiscard]] std::vector<std::string> object_names(config::ObjectKind kind) const {
        return control::object_names(kind, store_, dynamic_);
    }

  private:
    struct Item {
        Session::Outcome outcome;
        Session after;  // the session as this line leaves it
    };

    struct Batch {
        std::shared_ptr<Session> session;
        Peer peer;
        std::vector<Request> requests;
        Done done;
        std::vector<Item> items;
        ResolvedNames names;
        std::size_t unresolved = 0;
        std::vector<Reply> replies;
        std::vector<bool> changed;  // the reply promises a durable change that is in force
        bool submitted = false;
    };

    // What the commands of a range have to be followed by.
    struct Effects {
        bool rule_set = false;  // what is in force has to be built anew
        std::optional<Settings> settings;
    };

    struct Built {
        std::shared_ptr<const config::RuleSet> rule_set;
        std::unordered_set<config::Guid> used;  // policy, lists and actions it was made from
        config::HostView host;
    };

    void resolve(const std::shared_ptr<Batch>& batch);
    void run(Batch& batch);
    [[nodiscard]] static std::size_t end_of_range(const Batch& batch, std::size_t first);
    [[nodiscard]] std::size_t run_range(Batch& batch, std::size_t first, std::size_t last);
    [[nodiscard]] Result<void> finish_range(Batch& batch, const Effects& effects);
    void fail_range(Batch& batch, std::size_t first, std::size_t last, const Error& error) const;
    void run_item(Batch& batch, std::size_t index, Effects& effects);
    [[nodiscard]] Result<std::string> run_handler(CommandContext& context,
                                                  const config::ParsedCommand& command);
    void answer(const std::shared_ptr<Batch>& batch);
    void audit(const Batch& batch) const;
    [[nodiscard]] Result<Built> build();
    void put_in_force(Built built);

    config::PolicyStore& store_;
    DataplaneHandle& dataplane_;
    Resolver& resolver_;
    ControllerOptions options_;
    std::string store_name_;
    DynamicState dynamic_;
    config::RuleTags rule_tags_;
    std::optional<Built> in_force_;
    std::uint64_t revision_ = 0;
};

Result<Controller::Impl::Built> Controller::Impl::build() {
    Built built;
    built.host = dataplane_.host_view();
    const Result<std::vector<config::RuleSource>> sources =
        config::rule_sources(store_, dynamic_.rules, dynamic_.mm_policies, dynamic_.qm_policies);
    if (!sources) {
        return sources.error();
    }
    Result<config::RuleSet> rule_set = config::compile_rule_set(*sources, built.host, rule_tags_);
    if (!rule_set) {
        return rule_set.error();
    }
    built.rule_set = std::make_shared<const config::RuleSet>(std::move(*rule_set));

    const Result<std::optional<config::Policy>> assigned = store_.assigned_policy();
    if (!assigned) {
        return assigned.error();
    }
    if (assigned->has_value()) {
        const Result<std::vector<config::Rule>> rules = store_.rules((*assigned)->guid);
        if (!rules) {
            return rules.error();
        }
        built.used.insert((*assigned)->guid);
        for (const config::Rule& rule : *rules) {
            built.used.insert(rule.filter_list);
            built.used.insert(rule.filter_action);
        }
    }
    return built;
}

void Controller::Impl::put_in_force(Built built) {
    rule_tags_.limit_to(*built.rule_set);
    revision_ = dataplane_.submit(built.rule_set);
    built.rule_set.reset();  // the dataplane keeps it
    in_force_ = std::move(built);
}

Result<std::uint64_t> Controller::Impl::refresh() {
    if (in_force_ && in_force_->host == dataplane_.host_view()) {
        return revision_;
    }
    if (!in_force_) {
        const Result<Settings> settings = read_settings(store_);
        if (!settings) {
            return settings.error();
        }
        apply(*settings, options_.ike);
    }
    Result<Built> built = build();
    if (!built) {
        return built.error();
    }
    put_in_force(std::move(*built));
    return revision_;
}

void Controller::Impl::execute(std::shared_ptr<Session> session,
                               Peer peer,
                               std::vector<Request> requests,
                               Done done) {
    const auto batch = std::make_shared<Batch>();
    batch->session = std::move(session);
    batch->peer = peer;
    batch->requests = std::move(requests);
    batch->done = std::move(done);
    batch->items.reserve(batch->requests.size());
    // What a line does to the session depends on no other command's success, so that every line can
    // be read, and its DNS names looked up, before the transaction begins.
    for (const Request& request : batch->requests) {
        Session::Outcome outcome = batch->session->interpret(request.line);
        batch->items.push_back({std::move(outcome), *batch->session});
    }
    resolve(batch);
}

void Controller::Impl::resolve(const std::shared_ptr<Batch>& batch) {
    std::unordered_set<std::string> names;
    for (const Item& item : batch->items) {
        if (item.outcome.command) {
            names.merge(names_to_resolve(item.outcome.command->arguments));
        }
    }
    // One more than the look-ups: answers may come before the loop ends.
    batch->unresolved = names.size() + 1;
    const auto arrived = [this, batch] {
        if (--batch->unresolved == 0) {
            run(*batch);
            answer(batch);
        }
    };
    for (const std::string& name : names) {
        resolver_.resolve(name,
                          [batch, name, arrived](Result<std::vector<config::IpAddress>> found) {
                              batch->names.emplace(name, std::move(found));
                              arrived();
                          });
    }
    arrived();
}

void Controller::Impl::run(Batch& batch) {
    const std::size_t total = batch.items.size();
    std::size_t done = 0;
    std::size_t output = 0;
    while (done < total && output < kMaxBatchOutput) {
        const std::size_t first = done;
        done = run_range(batch, first, end_of_range(batch, first));
        for (std::size_t i = first; i < done; ++i) {
            output += batch.replies[i].text.size();
        }
    }
    if (done < total) {
        *batch.session = batch.items[done - 1].after;
    }
}

// Commands that change SAs and those that write the store are not in one range, so that no failed
// transaction has SAs to undo.
std::size_t Controller::Impl::end_of_range(const Batch& batch, std::size_t first) {
    bool writes = false;
    bool sas = false;
    std::size_t end = first;
    for (; end < batch.items.size(); ++end) {
        const auto& command = batch.items[end].outcome.command;
        writes = writes || (command && writes_store(*command->spec));
        sas = sas || (command && changes_sas(*command->spec));
        if (writes && sas) {
            break;
        }
    }
    return end;
}

// Executes items first..last-1 as one transaction, or fewer of them if the output grows large.
// Returns the index behind the last one executed.
std::size_t Controller::Impl::run_range(Batch& batch, std::size_t first, std::size_t last) {
    bool writes = false;
    for (std::size_t i = first; i < last; ++i) {
        const auto& command = batch.items[i].outcome.command;
        writes = writes || (command && writes_store(*command->spec));
    }
    if (writes) {
        if (const Result<void> begun = store_.begin(); !begun) {
            batch.changed.resize(last, true);
            fail_range(batch, first, last, begun.error());
            return last;
        }
    }
    const DynamicState before = writes ? dynamic_ : DynamicState();
    Effects effects;
    std::size_t output = 0;
    std::size_t index = first;
    for (; index < last && output < kMaxBatchOutput; ++index) {
        run_item(batch, index, effects);
        output += batch.replies.back().text.size();
    }
    if (!writes) {
        return index;
    }
    const Result<void> finished = finish_range(batch, effects);
    if (finished) {
        return index;
    }
    store_.rollback();
    dynamic_ = before;
    if (finished.error().code == ErrorCode::kTooManyFilters && index - first > 1) {
        // One command asks for more than a table holds. The others must not suffer for it.
        batch.replies.resize(first);
        batch.changed.resize(first);
        for (std::size_t i = first; i < index; ++i) {
            (void)run_range(batch, i, i + 1);
        }
        return index;
    }
    fail_range(batch, first, index, finished.error());
    return index;
}

Result<void> Controller::Impl::finish_range(Batch& batch, const Effects& effects) {
    // Built before the commit, so that what cannot be in force is never stored.
    std::optional<Built> built;
    if (effects.rule_set) {
        Result<Built> result = build();
        if (!result) {
            return result.error();
        }
        built = std::move(*result);
    }
    if (const Result<void> committed = store_.commit(); !committed) {
        return committed;
    }
    if (effects.settings) {
        apply(*effects.settings, options_.ike);
    }
    if (built) {
        put_in_force(std::move(*built));
        batch.submitted = true;
    }
    return {};
}

// Everything that changed something, or that read after such a change, is answered with the error.
void Controller::Impl::fail_range(Batch& batch,
                                  std::size_t first,
                                  std::size_t last,
                                  const Error& error) const {
    bool after_change = false;
    batch.replies.resize(std::max(batch.replies.size(), last));
    for (std::size_t i = first; i < last; ++i) {
        const Item& item = batch.items[i];
        after_change = after_change || batch.changed[i];
        if (batch.replies[i].prompt.empty()) {
            batch.replies[i] = {item.outcome.ok, item.outcome.text, item.after.prompt()};
        }
        if (after_change && item.outcome.command) {
            batch.replies[i].ok = false;
            batch.replies[i].text = error_text(error);
            batch.changed[i] = false;
        }
    }
}

Result<std::string> Controller::Impl::run_handler(CommandContext& context,
                                                  const config::ParsedCommand& command) {
    const CommandHandler handler = find_handler(command.spec->id);
    if (handler == nullptr) {
        return Error{
            ErrorCode::kNotSupported,
            fmt::format("'{}' is not carried out by this version.", command.spec->words())};
    }
    if (!writes_store(*command.spec)) {
        return handler(context, command.arguments);
    }
    Result<config::PolicyStore::Savepoint> savepoint = store_.savepoint();
    if (!savepoint) {
        return savepoint.error();
    }
    Result<std::string> result = handler(context, command.arguments);
    if (!result) {
        return result;
    }
    if (const Result<void> released = savepoint->release(); !released) {
        return released.error();
    }
    return result;
}

void Controller::Impl::run_item(Batch& batch, std::size_t index, Effects& effects) {
    const Item& item = batch.items[index];
    const Request& request = batch.requests[index];
    Reply reply{item.outcome.ok, item.outcome.text, item.after.prompt()};
    if (!item.outcome.command) {
        batch.replies.push_back(std::move(reply));
        batch.changed.push_back(false);
        return;
    }
    const config::ParsedCommand& command = *item.outcome.command;
    CommandContext context{store_,
                           dynamic_,
                           dataplane_,
                           options_.ike,
                           rule_tags_,
                           batch.names,
                           store_name_,
                           std::time(nullptr),
                           request.json,
                           request.show_secrets,
                           request.once};
    const Result<std::string> result = run_handler(context, command);
    batch.changed.push_back(writes_store(*command.spec) && result.ok());
    if (!result) {
        reply.ok = false;
        reply.text = error_text(result.error());
        batch.replies.push_back(std::move(reply));
        return;
    }
    reply.text = *result;
    if (!request.json || command.spec->changes) {
        for (const std::string& note : command.notes) {
            reply.text += note + "\n";
        }
        for (const std::string& note : context.notes) {
            reply.text += "Note: " + note + "\n";
        }
        if (!context.refused) {
            reply.text += "\n";
        }
    }
    if (context.refused) {
        reply.ok = false;
        reply.text += error_text(*context.refused);
    }
    batch.replies.push_back(std::move(reply));

    effects.settings = context.settings ? context.settings : effects.settings;
    effects.rule_set = effects.rule_set || context.reassigned || context.dynamic_rules_changed;
    for (const config::Guid& guid : context.touched) {
        effects.rule_set = effects.rule_set || !in_force_ || in_force_->used.contains(guid);
    }
}

void Controller::Impl::answer(const std::shared_ptr<Batch>& batch) {
    bool changed = false;
    for (const bool one : batch->changed) {
        changed = changed || one;
    }
    if (!changed || revision_ == 0) {
        audit(*batch);
        batch->done(std::move(batch->replies));
        return;
    }
    // A command that changed nothing itself may repeat one whose tables are still being built: it
    // waits for them too, but their failure is not its own.
    dataplane_.when_published(revision_, [this, batch](const Result<void>& published) {
        for (std::size_t i = 0; !published && batch->submitted && i < batch->replies.size(); ++i) {
            if (batch->changed[i]) {
                batch->replies[i].ok = false;
                batch->replies[i].text = error_text(
                    {published.error().code,
                     "The change is stored but not in force: " + published.error().text});
            }
        }
        audit(*batch);
        batch->done(std::move(batch->replies));
    });
}

void Controller::Impl::audit(const Batch& batch) const {
    if (!options_.audit) {
        return;
    }
    for (std::size_t i = 0; i < batch.replies.size(); ++i) {
        const auto& command = batch.items[i].outcome.command;
        if (!command || !command->spec->changes) {
            continue;
        }
        options_.audit(
            fmt::format("event=command uid={} pid={} result={} context=\"{}\" line={}",
                        batch.peer.uid,
                        batch.peer.pid,
                        batch.replies[i].ok ? "ok" : "failed",
                        config::context_path(command->spec->context),
                        json_quote(masked_line(batch.requests[i].line, command->arguments))));
    }
}

Controller::Controller(config::PolicyStore& store,
                       DataplaneHandle& dataplane,
                       Resolver& resolver,
                       ControllerOptions options)
    : impl_(std::make_unique<Impl>(store, dataplane, resolver, std::move(options))) {}

Controller::~Controller() = default;

Result<std::uint64_t> Controller::refresh() {
    return impl_->refresh();
}

void Controller::execute(std::shared_ptr<Session> session,
                         Peer peer,
                         std::vector<Request> requests,
                         Done done) {
    impl_->execute(std::move(session), peer, std::move(requests), std::move(done));
}

const DynamicState& Controller::dynamic_state() const {
    return impl_->dynamic_state();
}

std::vector<std::string> Controller::object_names(config::ObjectKind kind) const {
    return impl_->object_names(kind);
}

}  // namespace control
