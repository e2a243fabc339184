#include "crypto/des_engine.h"

#include "config/bytes.h"
#include "crypto/openssl_engine.h"

#include <algorithm>
#include <cstring>

namespace crypto {
namespace {

constexpr std::size_t kBlock = 8;

std::uint64_t load_block(const std::uint8_t* bytes) {
    return config::load<std::uint64_t>(bytes);
}

}  // namespace

DesEngine::DesEngine(const EngineChoice& choice)
    : forms_(choice.des_forms), block_cost_(choice.des_block_cost) {}

DesEngine::~DesEngine() {
    explicit_bzero(keys_.data(), keys_.size());
}

void DesEngine::cipher(std::span<CryptoJob* const> jobs) {
    if (jobs.empty()) {
        return;
    }
    stages_ = jobs[0]->keys->cipher() == config::Cipher::k3des ? 3 : 1;
    loaded_form_ = nullptr;
    if (jobs[0]->direction == Direction::kProtect) {
        encrypt(jobs);
    } else {
        decrypt(jobs);
    }
}

const DesForm* DesEngine::best_form(std::size_t blocks) const {
    const std::size_t kind = stages_ == 3 ? 1 : 0;
    const DesForm* best = nullptr;
    std::size_t best_cost = block_cost_[kind];
    std::size_t best_blocks = 1;
    for (const DesForm& form : forms_) {
        const std::size_t used = std::min(blocks, form.lanes->lanes);
        // form.cost / used < best_cost / best_blocks
        if (form.cost[kind] * best_blocks < best_cost * used) {
            best = &form;
            best_cost = form.cost[kind];
            best_blocks = used;
        }
    }
    return best;
}

// Skips the work if all lanes have the key that is there already.
void DesEngine::load_keys(const DesForm& form, std::size_t lanes) {
    const DesLaneKey* const first = lane_keys_[0];
    const bool same = std::all_of(lane_keys_.begin(),
                                  lane_keys_.begin() + static_cast<std::ptrdiff_t>(lanes),
                                  [first](const DesLaneKey* key) { return key == first; });
    if (same && loaded_form_ == &form && loaded_key_ == first) {
        return;
    }
    form.lanes->load_keys({lane_keys_.data(), lanes}, stages_, keys_.data());
    loaded_form_ = &form;
    loaded_key_ = same ? first : nullptr;
}

void DesEngine::encrypt(std::span<CryptoJob* const> jobs) {
    // Longest first, so that the packets still going on are always the first lanes.
    std::array<CryptoJob*, kMaxJobs> order{};
    std::copy(jobs.begin(), jobs.end(), order.begin());
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(jobs.size());
    std::sort(order.begin(), end, [](const CryptoJob* a, const CryptoJob* b) {
        return a->length > b->length;
    });
    std::size_t active = jobs.size();
    for (std::size_t lane = 0; lane < active; ++lane) {
        lane_keys_[lane] = &order[lane]->keys->des().lanes;
        chain_[lane] = load_block(order[lane]->iv);
    }
    const DesForm* form = nullptr;
    std::size_t offset = 0;
    for (;; offset += kBlock) {
        const std::size_t before = active;
        while (active != 0 && order[active - 1]->length <= offset) {
            --active;
        }
        if (form == nullptr || before != active) {
            form = best_form(active);
            if (active == 0 || form == nullptr) {
                break;
            }
            if (form != loaded_form_) {
                load_keys(*form, active);
            }
        }
        for (std::size_t lane = 0; lane < active; ++lane) {
            blocks_[lane] = load_block(order[lane]->src + offset) ^ chain_[lane];
        }
        form->lanes->blocks(blocks_.data(), chain_.data(), keys_.data(), stages_, false);
        for (std::size_t lane = 0; lane < active; ++lane) {
            config::store(order[lane]->dst + offset, chain_[lane]);
        }
    }
    for (std::size_t lane = 0; lane < active; ++lane) {
        const CryptoJob& job = *order[lane];
        std::array<std::uint8_t, kBlock> iv{};
        config::store(iv.data(), chain_[lane]);
        openssl_des_cbc(job.keys->des(),
                        stages_,
                        Direction::kProtect,
                        job.src + offset,
                        job.dst + offset,
                        job.length - offset,
                        iv.data());
    }
}

void DesEngine::decrypt(std::span<CryptoJob* const> jobs) {
    std::size_t remaining = 0;
    for (const CryptoJob* const job : jobs) {
        remaining += job->length / kBlock;
    }
    Cursor cursor;
    while (remaining != 0) {
        const DesForm* const form = best_form(remaining);
        if (form == nullptr) {
            break;
        }
        decrypt_pass(jobs, cursor, *form);
        remaining -= std::min(remaining, form->lanes->lanes);
    }
    for (; remaining != 0 && cursor.job < jobs.size(); ++cursor.job, cursor.block = 0) {
        const CryptoJob& job = *jobs[cursor.job];
        std::array<std::uint8_t, kBlock> iv{};
        config::store(iv.data(), cursor.block == 0 ? load_block(job.iv) : cursor.previous);
        const std::size_t offset = cursor.block * kBlock;
        openssl_des_cbc(job.keys->des(),
                        stages_,
                        Direction::kVerify,
                        job.src + offset,
                        job.dst + offset,
                        job.length - offset,
                        iv.data());
    }
}

// 1. Takes ciphertext from the jobs until the lanes are full, and beside each block the one before
// it.
// 2. Decrypts all lanes.
// 3. XORs each with the block before it, into the packet. In place this is where ciphertext is
// lost,
//    which is why the cursor carries the last block over to the next pass.
void DesEngine::decrypt_pass(std::span<CryptoJob* const> jobs,
                             Cursor& cursor,
                             const DesForm& form) {
    std::size_t lane = 0;
    std::size_t run_count = 0;
    while (lane < form.lanes->lanes && cursor.job < jobs.size()) {
        const CryptoJob& job = *jobs[cursor.job];
        const std::size_t left = job.length / kBlock - cursor.block;
        if (left == 0) {
            ++cursor.job;
            cursor.block = 0;
            continue;
        }
        const std::size_t blocks = std::min(left, form.lanes->lanes - lane);
        const std::uint8_t* const src = job.src + cursor.block * kBlock;
        chain_[lane] = cursor.block == 0 ? load_block(job.iv) : cursor.previous;
        std::memcpy(&blocks_[lane], src, blocks * kBlock);
        std::memcpy(chain_.data() + lane + 1, src, (blocks - 1) * kBlock);
        std::fill_n(
            lane_keys_.begin() + static_cast<std::ptrdiff_t>(lane), blocks, &job.keys->des().lanes);
        runs_[run_count++] = {job.dst + cursor.block * kBlock, lane, blocks};
        lane += blocks;
        cursor.block += blocks;
        cursor.previous = blocks_[lane - 1];
    }
    load_keys(form, lane);
    form.lanes->blocks(blocks_.data(), blocks_.data(), keys_.data(), stages_, true);
    for (std::size_t i = 0; i < lane; ++i) {
        blocks_[i] ^= chain_[i];
    }
    for (const Run& run : std::span(runs_).first(run_count)) {
        std::memcpy(run.dst, &blocks_[run.lane], run.blocks * kBlock);
    }
}

}  // namespace crypto
