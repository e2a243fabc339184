#include "dataplane/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_pci.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sched.h>
#include <system_error>
#include <unistd.h>

namespace dataplane {

namespace {

using config::Error;
using config::ErrorCode;
using config::Result;

std::mutex captured_lock;
std::string captured_reason;

// DPDK formats each message into the stream and flushes it, so that one write is one message.
ssize_t collect(void* /*cookie*/, const char* bytes, std::size_t size) {
    if (rte_log_cur_msg_loglevel() <= static_cast<int>(RTE_LOG_ERR)) {
        const std::lock_guard guard(captured_lock);
        if (captured_reason.empty()) {
            captured_reason.assign(bytes, size);
        }
    }
    return static_cast<ssize_t>(size);
}

std::vector<std::uint16_t> allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<std::uint16_t> cpus;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        for (std::uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &set)) {
                cpus.push_back(cpu);
            }
        }
    }
    return cpus;
}

bool contains(const std::vector<std::uint16_t>& cpus, std::uint16_t cpu) {
    return std::find(cpus.begin(), cpus.end(), cpu) != cpus.end();
}

Error cpu_not_allowed(std::string_view key,
                      std::uint16_t cpu,
                      const std::vector<std::uint16_t>& cpus) {
    return {ErrorCode::kGatewayFile,
            fmt::format(
                "{} = {}: this process may run on CPUs {} only", key, cpu, fmt::join(cpus, ", "))};
}

// Free hugepages of every size together, in MB.
std::uint64_t free_hugepage_mb() {
    std::uint64_t kib = 0;
    std::error_code ignored;
    const std::filesystem::path root = "/sys/kernel/mm/hugepages";
    for (const auto& entry : std::filesystem::directory_iterator(root, ignored)) {
        std::uint64_t page_kib = 0;
        std::uint64_t pages = 0;
        const std::string name = entry.path().filename().string();
        if (std::sscanf(name.c_str(), "hugepages-%lukB", &page_kib) == 1
            && std::ifstream(entry.path() / "free_hugepages") >> pages) {
            kib += page_kib * pages;
        }
    }
    return kib / 1024;
}

std::vector<std::string> arguments(const config::GatewayConfig& config,
                                   const std::vector<Eal::WorkerCore>& workers,
                                   bool hugepages) {
    // lcore@cpu: lcore numbers are ours, so that several may share a CPU on a small machine.
    std::string lcores = fmt::format("--lcores=0@{}", config.main_lcore);
    for (const Eal::WorkerCore& worker : workers) {
        lcores += fmt::format(",{}@{}", worker.lcore, worker.cpu);
    }
    std::vector<std::string> out = {"portcullisd",
                                    std::move(lcores),
                                    "--main-lcore=0",
                                    "--no-telemetry",
                                    fmt::format("--file-prefix={}", config.file_prefix),
                                    "-m",
                                    std::to_string(config.memory_mb)};
    if (hugepages) {
        // Needs no hugetlbfs mount and leaves no files; vhost and memif want one file descriptor.
        out.insert(out.end(), {"--in-memory", "--single-file-segments"});
    } else {
        out.insert(out.end(), {"--no-huge", "--no-shconf"});
    }
    bool pci = false;
    for (const config::PortConfig& port : config.ports) {
        if (!pci_address_of(port.device).empty()) {
            out.insert(out.end(), {"-a", port.device});
            pci = true;
        }
    }
    if (!pci) {
        out.emplace_back("--no-pci");
    }
    return out;
}

}  // namespace

std::string pci_address_of(std::string_view device) {
    const std::string name(device.substr(0, device.find(',')));
    rte_pci_addr address{};
    if (rte_pci_addr_parse(name.c_str(), &address) != 0) {
        return {};
    }
    std::string text(PCI_PRI_STR_SIZE, '\0');
    rte_pci_device_name(&address, text.data(), text.size());
    text.resize(text.find('\0'));
    return text;
}

DpdkLogCapture::DpdkLogCapture() {
    const std::lock_guard guard(captured_lock);
    captured_reason.clear();
    const cookie_io_functions_t functions{
        .read = nullptr, .write = collect, .seek = nullptr, .close = nullptr};
    // The stream lives as long as the process: DPDK keeps a pointer that other threads may be using
    // while a capture ends.
    static std::FILE* const stream = fopencookie(nullptr, "w", functions);
    rte_openlog_stream(stream);
}

DpdkLogCapture::~DpdkLogCapture() {
    rte_openlog_stream(nullptr);
}

std::string DpdkLogCapture::reason() const {
    const std::lock_guard guard(captured_lock);
    return captured_reason.substr(0, captured_reason.find('\n'));
}

Result<std::unique_ptr<Eal>> Eal::start(const config::GatewayConfig& config) {
    std::unique_ptr<Eal> eal(new Eal());
    const std::vector<std::uint16_t> cpus = allowed_cpus();
    if (!contains(cpus, config.main_lcore)) {
        return cpu_not_allowed("main_lcore", config.main_lcore, cpus);
    }
    std::vector<std::uint16_t> worker_cpus = config.worker_lcores;
    if (worker_cpus.empty()) {
        worker_cpus.push_back(cpus.back());
    }
    if (worker_cpus.size() >= RTE_MAX_LCORE) {
        return Error{ErrorCode::kGatewayFile,
                     fmt::format("worker_lcores: {} workers, at most {} are possible",
                                 worker_cpus.size(),
                                 RTE_MAX_LCORE - 1)};
    }
    for (const std::uint16_t cpu : worker_cpus) {
        if (!contains(cpus, cpu)) {
            return cpu_not_allowed("worker_lcores", cpu, cpus);
        }
        const auto lcore = static_cast<unsigned>(eal->workers_.size() + 1);
        eal->workers_.push_back({.lcore = lcore, .cpu = cpu});
    }
    const std::uint64_t free_mb = free_hugepage_mb();
    eal->hugepages_ = config.hugepages && free_mb >= config.memory_mb;
    if (config.hugepages && !eal->hugepages_) {
        eal->notice_ = fmt::format(
            "running without hugepages: {} MB are free, memory_mb = {}", free_mb, config.memory_mb);
    }

    std::vector<std::string> texts = arguments(config, eal->workers_, eal->hugepages_);
    std::vector<char*> argv;
    for (std::string& text : texts) {
        argv.push_back(text.data());
    }
    DpdkLogCapture log;
    // rte_eal_init permutes argv with getopt, so it gets a copy of the pointers and nothing reads
    // them afterwards.
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
        return Error{ErrorCode::kSystem,
                     fmt::format("DPDK does not start ({}): {}",
                                 fmt::join(texts, " "),
                                 log.reason().empty() ? rte_strerror(rte_errno) : log.reason())};
    }
    return eal;
}

Eal::~Eal() {
    if (rte_lcore_count() == 0) {
        return;
    }
    const std::string runtime_directory = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    // DPDK makes it even when it has nothing to put there. Not empty: not only ours.
    std::error_code ignored;
    std::filesystem::remove(runtime_directory, ignored);
}

}  // namespace dataplane
