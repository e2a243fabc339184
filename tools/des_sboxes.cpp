// Derives the S-box circuits of crypto/des_sboxes.h: searches, for each S-box, a short
// straight-line program of AND, OR, XOR, AND-NOT and NOT from its truth table, and prints the
// header. usage: des_sboxes [SECONDS PER S-BOX] [SEED]
//
// The search builds one output bit after the other, so that later ones reuse earlier gates. A bit
// is looked for among the gates there are, then as one gate, two gates or the XOR of two gates on
// them; failing that, it is split on an input variable into two smaller problems joined by a
// multiplexer (in one of three forms), each of which only has to be right on half of the inputs.
// Order of outputs, variables and gates is random; the best of many attempts is printed.
#include "crypto/des_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using Truth = std::uint64_t;  // bit x is the value for input x

enum class Op : std::uint8_t { kInput, kAnd, kOr, kXor, kAndNot, kNot };

struct Gate {
    Op op = Op::kInput;
    std::uint8_t left = 0;
    std::uint8_t right = 0;
};

constexpr unsigned kMaxGates = 120;
constexpr unsigned kInputs = 6;

struct Circuit {
    unsigned count = 0;
    std::array<Truth, kMaxGates> truth{};
    std::array<Gate, kMaxGates> gates{};
    std::array<std::uint8_t, 4> outputs{};

    unsigned add(Op op, unsigned left, unsigned right) {
        truth[count] = value(op, truth[left], truth[right]);
        gates[count] = {op, static_cast<std::uint8_t>(left), static_cast<std::uint8_t>(right)};
        return count++;
    }

    static Truth value(Op op, Truth left, Truth right) {
        switch (op) {
            case Op::kInput:
                return left;
            case Op::kAnd:
                return left & right;
            case Op::kOr:
                return left | right;
            case Op::kXor:
                return left ^ right;
            case Op::kAndNot:
                return left & ~right;
            case Op::kNot:
                return ~left;
        }
        return 0;
    }
};

struct Pair {
    Truth truth;
    Op op;
    std::uint8_t left;
    std::uint8_t right;
};

class Search {
  public:
    explicit Search(std::uint64_t seed) : random_(seed) {}

    // One attempt; nothing if it does not stay below `limit` gates.
    std::optional<Circuit> attempt(unsigned box, unsigned limit) {
        Circuit circuit;
        for (unsigned input = 0; input < kInputs; ++input) {
            Truth truth = 0;
            for (unsigned x = 0; x < 64; ++x) {
                truth |= static_cast<Truth>((x >> (5 - input)) & 1U) << x;
            }
            circuit.truth[circuit.count++] = truth;
        }
        std::array<unsigned, 4> order{0, 1, 2, 3};
        std::shuffle(order.begin(), order.end(), random_);
        for (const unsigned bit : order) {
            Truth target = 0;
            for (unsigned x = 0; x < 64; ++x) {
                target |= static_cast<Truth>((crypto::des_sbox(box, x) >> (3 - bit)) & 1U) << x;
            }
            const int gate = build(circuit, target, ~Truth{0}, 0x3F, limit);
            if (gate < 0) {
                return std::nullopt;
            }
            circuit.outputs[bit] = static_cast<std::uint8_t>(gate);
        }
        return circuit;
    }

  private:
    static int existing(const Circuit& c, Truth target, Truth mask) {
        for (unsigned i = c.count; i-- > 0;) {
            if (((c.truth[i] ^ target) & mask) == 0) {
                return static_cast<int>(i);
            }
        }
        return -1;
    }

    static int one_gate(Circuit& c, Truth target, Truth mask) {
        for (unsigned i = 0; i < c.count; ++i) {
            if (((~c.truth[i] ^ target) & mask) == 0) {
                return static_cast<int>(c.add(Op::kNot, i, i));
            }
        }
        for (unsigned i = 0; i < c.count; ++i) {
            for (unsigned k = 0; k < c.count; ++k) {
                for (const Op op : {Op::kAndNot, Op::kAnd, Op::kOr, Op::kXor}) {
                    if (op != Op::kAndNot && k >= i) {
                        break;
                    }
                    if (((Circuit::value(op, c.truth[i], c.truth[k]) ^ target) & mask) == 0) {
                        return static_cast<int>(c.add(op, i, k));
                    }
                }
            }
        }
        return -1;
    }

    void list_pairs(const Circuit& c) {
        pairs_.clear();
        for (unsigned i = 0; i < c.count; ++i) {
            for (unsigned k = 0; k < c.count; ++k) {
                const auto left = static_cast<std::uint8_t>(i);
                const auto right = static_cast<std::uint8_t>(k);
                if (i == k) {
                    pairs_.push_back({~c.truth[i], Op::kNot, left, right});
                    continue;
                }
                pairs_.push_back({c.truth[i] & ~c.truth[k], Op::kAndNot, left, right});
                if (k < i) {
                    pairs_.push_back({c.truth[i] & c.truth[k], Op::kAnd, left, right});
                    pairs_.push_back({c.truth[i] | c.truth[k], Op::kOr, left, right});
                    pairs_.push_back({c.truth[i] ^ c.truth[k], Op::kXor, left, right});
                }
            }
        }
    }

    // A gate on a pair and an existing gate.
    int two_gates(Circuit& c, Truth target, Truth mask) {
        list_pairs(c);
        const Truth wanted = target & mask;
        for (const Pair& pair : pairs_) {
            const Truth have = pair.truth & mask;
            const bool covers = (wanted & ~have) == 0;
            const bool inside = (have & ~wanted) == 0;
            const bool apart = (have & wanted) == 0;
            for (unsigned m = 0; m < c.count; ++m) {
                const Truth other = c.truth[m] & mask;
                if ((have ^ other) == wanted) {
                    return join(c, pair, Op::kXor, m, false);
                }
                if (covers && (have & other) == wanted) {
                    return join(c, pair, Op::kAnd, m, false);
                }
                if (covers && (have & ~other) == wanted) {
                    return join(c, pair, Op::kAndNot, m, false);
                }
                if (inside && (have | other) == wanted) {
                    return join(c, pair, Op::kOr, m, false);
                }
                if (apart && (other & ~have) == wanted) {
                    return join(c, pair, Op::kAndNot, m, true);
                }
            }
        }
        return -1;
    }

    static int join(Circuit& c, const Pair& pair, Op op, unsigned other, bool swapped) {
        const unsigned first = c.add(pair.op, pair.left, pair.right);
        return static_cast<int>(swapped ? c.add(op, other, first) : c.add(op, first, other));
    }

    // A gate on two pairs. Follows two_gates, whose list of pairs it uses.
    int three_gates(Circuit& c, Truth target, Truth mask) {
        const Truth wanted = target & mask;
        table_.assign(kTableSize, 0);
        covering_.clear();
        inside_.clear();
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            const Truth have = pairs_[i].truth & mask;
            // Looks for the partner before it enters itself.
            for (std::size_t slot = hash(have ^ wanted); table_[slot] != 0;
                 slot = (slot + 1) % kTableSize) {
                const Pair& other = pairs_[table_[slot] - 1];
                if (((other.truth ^ have ^ wanted) & mask) == 0) {
                    return join(c, pairs_[i], other, Op::kXor);
                }
            }
            std::size_t slot = hash(have);
            while (table_[slot] != 0) {
                slot = (slot + 1) % kTableSize;
            }
            table_[slot] = static_cast<std::uint32_t>(i + 1);
            if ((wanted & ~have) == 0) {
                covering_.push_back(static_cast<std::uint32_t>(i));
            }
            if ((have & ~wanted) == 0 && have != 0) {
                inside_.push_back(static_cast<std::uint32_t>(i));
            }
        }
        for (std::size_t i = 0; i < covering_.size(); ++i) {
            for (std::size_t k = 0; k < i; ++k) {
                const Pair& a = pairs_[covering_[i]];
                const Pair& b = pairs_[covering_[k]];
                if ((a.truth & b.truth & mask) == wanted) {
                    return join(c, a, b, Op::kAnd);
                }
            }
        }
        for (std::size_t i = 0; i < inside_.size(); ++i) {
            for (std::size_t k = 0; k < i; ++k) {
                const Pair& a = pairs_[inside_[i]];
                const Pair& b = pairs_[inside_[k]];
                if (((a.truth | b.truth) & mask) == wanted) {
                    return join(c, a, b, Op::kOr);
                }
            }
        }
        return -1;
    }

    static int join(Circuit& c, const Pair& a, const Pair& b, Op op) {
        const unsigned first = c.add(a.op, a.left, a.right);
        const unsigned second = c.add(b.op, b.left, b.right);
        return static_cast<int>(c.add(op, first, second));
    }

    static std::size_t hash(Truth value) {
        return static_cast<std::size_t>((value * 0x9E3779B97F4A7C15U) >> (64 - kTableBits));
    }

    // Makes a gate that equals `target` wherever `mask` is set, using at most `limit` gates in all.
    // `variables`: inputs that may still be split on. -1 and an unchanged circuit if it fails.
    int build(Circuit& c, Truth target, Truth mask, unsigned variables, unsigned limit) {
        if (const int gate = existing(c, target, mask); gate >= 0) {
            return gate;
        }
        if (c.count + 1 > limit) {
            return -1;
        }
        if (const int gate = one_gate(c, target, mask); gate >= 0) {
            return gate;
        }
        if (c.count + 2 > limit) {
            return -1;
        }
        if (const int gate = two_gates(c, target, mask); gate >= 0) {
            return gate;
        }
        if (c.count + 3 > limit) {
            return -1;
        }
        if (const int gate = three_gates(c, target, mask); gate >= 0) {
            return gate;
        }
        return c.count + 4 > limit ? -1 : split(c, target, mask, variables, limit);
    }

    int split(Circuit& c, Truth target, Truth mask, unsigned variables, unsigned limit) {
        std::array<unsigned, kInputs> order{0, 1, 2, 3, 4, 5};
        std::shuffle(order.begin(), order.end(), random_);
        std::optional<Circuit> best;
        int best_gate = -1;
        for (const unsigned variable : order) {
            if (((variables >> variable) & 1U) == 0) {
                continue;
            }
            const unsigned rest = variables & ~(1U << variable);
            for (unsigned form = 0; form < 3; ++form) {
                Circuit attempt = c;
                const int gate = multiplex(attempt, target, mask, variable, form, rest, limit);
                if (gate >= 0) {
                    limit = attempt.count - 1;
                    best = attempt;
                    best_gate = gate;
                }
            }
        }
        if (best) {
            c = *best;
        }
        return best_gate;
    }

    // Forms: first ^ (second & v); first ^ (second & ~v); first ^ (second | v).
    int multiplex(Circuit& c,
                  Truth target,
                  Truth mask,
                  unsigned variable,
                  unsigned form,
                  unsigned rest,
                  unsigned limit) {
        const Truth v = c.truth[variable];
        const Truth first_half = form == 0 ? ~v : v;
        const Truth first_target = form == 2 ? ~target : target;
        const int first = build(c, first_target, mask & first_half, rest, limit - 2);
        if (first < 0) {
            return -1;
        }
        const Truth remaining = target ^ c.truth[static_cast<unsigned>(first)];
        const int second = build(c, remaining, mask & ~first_half, rest, limit - 2);
        if (second < 0) {
            return -1;
        }
        constexpr std::array kForms{Op::kAnd, Op::kAndNot, Op::kOr};
        const unsigned chosen = c.add(kForms[form], static_cast<unsigned>(second), variable);
        return static_cast<int>(c.add(Op::kXor, chosen, static_cast<unsigned>(first)));
    }

    static constexpr unsigned kTableBits = 15;
    static constexpr std::size_t kTableSize = std::size_t{1} << kTableBits;

    std::mt19937_64 random_;
    std::vector<Pair> pairs_;
    std::vector<std::uint32_t> table_;
    std::vector<std::uint32_t> covering_;
    std::vector<std::uint32_t> inside_;
};

Circuit best_of(unsigned box, double seconds, std::uint64_t seed) {
    Search search(seed);
    std::optional<Circuit> best;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!best || std::chrono::steady_clock::now() < end) {
        const unsigned limit = best ? best->count - 1 : kMaxGates - 8;
        if (auto found = search.attempt(box, limit)) {
            best = found;
            fmt::print(stderr, "S{}: {} gates\n", box + 1, best->count - kInputs);
        }
    }
    return *best;
}

std::string name_of(unsigned gate) {
    return gate < kInputs ? fmt::format("a{}", gate + 1) : fmt::format("x{}", gate - kInputs);
}

void print(unsigned box, const Circuit& circuit) {
    fmt::print("// {} gates.\ntemplate <typename V>\n", circuit.count - kInputs);
    fmt::print(
        "inline void des_sbox{}(V a1, V a2, V a3, V a4, V a5, V a6, V& o1, V& o2, V& o3, "
        "V& o4) {{\n",
        box + 1);
    for (unsigned gate = kInputs; gate < circuit.count; ++gate) {
        const Gate& g = circuit.gates[gate];
        const std::string left = name_of(g.left);
        const std::string right = name_of(g.right);
        std::string text;
        switch (g.op) {
            case Op::kAnd:
                text = fmt::format("{} & {}", left, right);
                break;
            case Op::kOr:
                text = fmt::format("{} | {}", left, right);
                break;
            case Op::kXor:
                text = fmt::format("{} ^ {}", left, right);
                break;
            case Op::kAndNot:
                text = fmt::format("{} & ~{}", left, right);
                break;
            case Op::kNot:
            case Op::kInput:
                text = fmt::format("~{}", left);
                break;
        }
        fmt::print("    const V {} = {};\n", name_of(gate), text);
    }
    for (unsigned bit = 0; bit < 4; ++bit) {
        fmt::print("    o{} = o{} ^ {};\n", bit + 1, bit + 1, name_of(circuit.outputs[bit]));
    }
    fmt::print("}}\n\n");
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 60.0;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
    fmt::print(
        "// The eight S-boxes of DES as straight-line programs on bit slices. Written by\n"
        "// tools/des_sboxes ({} {}) from the truth tables; do not edit. Each one XORs its\n"
        "// output bits, the standard's first one first, to o1..o4.\n"
        "#pragma once\n\nnamespace crypto {{\n\n",
        seconds,
        seed);
    for (unsigned box = 0; box < 8; ++box) {
        print(box, best_of(box, seconds, seed + box));
    }
    fmt::print("}}  // namespace crypto\n");
    return 0;
}
