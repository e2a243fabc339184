// AclEngine: the rows of one family as rte_acl tries. Address ranges become the fewest prefixes
// that cover them. Needs EAL.
//
// A large table is divided twice. By shape first: rows with the narrower source, rows with the
// narrower destination, the others. In one trie (A, any) and (any, B) multiply: two thousand of
// each cost gigabytes and minutes to build; apart they cost milliseconds. A packet is looked up in
// every shape, and the first of the rows found wins. Then each shape is cut into consecutive slices
// that rte_acl can build, searched in order: the first slice with a match holds the shape's first
// row.
#pragma once

#include "config/rule_set.h"
#include "dataplane/classify_key.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

struct rte_acl_ctx;

namespace dataplane {

class AclEngine {
  public:
    // Rules (rows after expansion) one context gets at first, and all contexts of an engine
    // together. Build time grows faster than linearly above the first: one context of 10,000 IPv6
    // rules builds in 4 s, one of 50,000 takes minutes.
    static constexpr std::size_t kSliceRules = 8192;
    static constexpr std::size_t kMaxRules = 500'000;
    // Below this many rows one trie is built quickly whatever their shapes, and searched once.
    static constexpr std::size_t kShapeRows = 256;

    // `order`: indexes into rule_set.rows, all of one family. Errors: kTooManyFilters.
    [[nodiscard]] static config::Result<std::unique_ptr<const AclEngine>> build(
        const config::RuleSet& rule_set, std::span<const std::uint32_t> order);
    ~AclEngine();
    AclEngine(const AclEngine&) = delete;
    AclEngine& operator=(const AclEngine&) = delete;

    // found[i]: index of the first row that matches keys[i], or kNoRow. At most kBurst keys.
    void search(std::span<const KeyV4> keys, std::uint32_t* found) const;
    void search(std::span<const KeyV6> keys, std::uint32_t* found) const;

    [[nodiscard]] std::size_t shapes() const { return shapes_.size(); }
    // Estimate: rte_acl does not tell what it allocated.
    [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }

  private:
    struct ContextDeleter {
        void operator()(rte_acl_ctx* context) const;
    };
    using Context = std::unique_ptr<rte_acl_ctx, ContextDeleter>;
    using Slices = std::vector<Context>;  // consecutive parts of one shape, first rows first
    struct Builder;

    AclEngine() = default;

    template <typename Key>
    void search_shapes(std::span<const Key> keys, std::uint32_t* found) const;
    template <typename Key>
    static void search_slices(const Slices& slices,
                              std::span<const Key> keys,
                              std::uint32_t* found);

    std::vector<Slices> shapes_;
    std::size_t memory_bytes_ = 0;
};

}  // namespace dataplane
