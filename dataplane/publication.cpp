#include "dataplane/publication.h"

#include <cstdlib>
#include <new>
#include <utility>

namespace dataplane {

void Publication::QsbrDeleter::operator()(rte_rcu_qsbr* qsbr) const {
    std::free(qsbr);
}

Publication::Publication(unsigned max_readers) {
    const std::size_t size = rte_rcu_qsbr_get_memsize(max_readers);
    const std::size_t rounded = RTE_ALIGN_CEIL(size, std::size_t{RTE_CACHE_LINE_SIZE});
    qsbr_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, rounded)));
    if (qsbr_ == nullptr) {
        throw std::bad_alloc();
    }
    rte_rcu_qsbr_init(qsbr_.get(), max_readers);
}

Publication::~Publication() {
    delete current_.load(std::memory_order_relaxed);
}

void Publication::publish(std::unique_ptr<const Snapshot> snapshot) {
    const std::uint64_t revision = snapshot->revision;
    std::unique_ptr<const Snapshot> old(
        current_.exchange(snapshot.release(), std::memory_order_acq_rel));
    published_revision_ = revision;
    if (old == nullptr) {
        // Nobody can have seen an older one.
        settled_revision_ = revision;
        return;
    }
    retired_.push_back({std::move(old), begin_grace(), revision});
}

std::size_t Publication::reclaim() {
    while (!retired_.empty()) {
        Retired& oldest = retired_.front();
        if (!is_over(oldest.grace)) {
            break;
        }
        settled_revision_ = oldest.replaced_by;
        retired_.pop_front();
    }
    return retired_.size();
}

bool Publication::is_over(std::uint64_t grace) const {
    const std::lock_guard lock(checking_);
    return rte_rcu_qsbr_check(qsbr_.get(), grace, /*wait=*/false) == 1;
}

Publication::Reader::Reader(Publication& publication, unsigned id)
    : publication_(publication), id_(id) {
    rte_rcu_qsbr_thread_register(publication_.qsbr_.get(), id_);
}

Publication::Reader::~Reader() {
    rte_rcu_qsbr_thread_offline(publication_.qsbr_.get(), id_);
    rte_rcu_qsbr_thread_unregister(publication_.qsbr_.get(), id_);
}

}  // namespace dataplane
