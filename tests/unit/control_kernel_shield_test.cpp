// KernelShield and StateDirectory, on folders of their own.
#include "control/kernel_shield.h"
#include "control/state_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace {

class Folder {
  public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "shield_XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::string path(const std::string& name = {}) const { return path_ / name; }
    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name) << text;
    }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::string word;
        std::ifstream(path_ / name) >> word;
        return word;
    }

  private:
    std::filesystem::path path_;
};

TEST(SharedInterface, Rows) {
    const struct {
        const char* device;
        const char* expected;
    } rows[] = {
        {"net_af_packet0,iface=eth1,framecnt=4096", "eth1"},
        {"net_af_packet0,qdisc_bypass=1,iface=eth1", "eth1"},
        {"net_af_xdp1,iface=eth2", "eth2"},
        {"net_pcap0,rx_iface=eth3,tx_iface=eth4", "eth3"},
        {"net_pcap0,rx_pcap=in.pcap", ""},
        {"net_tap0,iface=dtap0", ""},  // the kernel's end of a wire of ours
        {"0000:03:00.0", ""},
        {"net_af_packet0", ""},
        {"", ""},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(control::shared_interface_of(row.device), row.expected) << row.device;
    }
}

TEST(KernelShield, SetsAndRestores) {
    const Folder folder;
    folder.write("ipv4/conf/eth1/rp_filter", "2");
    folder.write("ipv4/conf/eth1/arp_ignore", "0");
    folder.write("ipv6/conf/eth1/disable_ipv6", "0");
    config::PortConfig port;
    port.device = "net_af_packet0,iface=eth1";
    {
        control::KernelShield shield(folder.path());
        EXPECT_EQ(shield.raise({port}), std::vector<std::string>{"eth1"});
        EXPECT_EQ(folder.read("ipv4/conf/eth1/rp_filter"), "1");
        EXPECT_EQ(folder.read("ipv4/conf/eth1/arp_ignore"), "8");
        EXPECT_EQ(folder.read("ipv6/conf/eth1/disable_ipv6"), "1");
    }
    EXPECT_EQ(folder.read("ipv4/conf/eth1/rp_filter"), "2");
    EXPECT_EQ(folder.read("ipv4/conf/eth1/arp_ignore"), "0");
    EXPECT_EQ(folder.read("ipv6/conf/eth1/disable_ipv6"), "0");
}

TEST(KernelShield, KnowsWhenTheSystemOverrulesIt) {
    const Folder folder;
    const control::KernelShield shield(folder.path());
    EXPECT_FALSE(shield.overruled());
    folder.write("ipv4/conf/all/rp_filter", "2");
    EXPECT_TRUE(shield.overruled());
    folder.write("ipv4/conf/all/rp_filter", "1");
    EXPECT_FALSE(shield.overruled());
}

TEST(KernelShield, NameThatLeavesTheFolderIsIgnored) {
    const Folder folder;
    folder.write("rp_filter", "2");
    config::PortConfig port;
    port.device = "net_af_packet0,iface=../..";
    control::KernelShield shield(folder.path());
    EXPECT_TRUE(shield.raise({port}).empty());
    EXPECT_EQ(folder.read("rp_filter"), "2");
}

TEST(StateDirectory, IsMadePrivateAndHeldByOne) {
    const Folder folder;
    const std::string path = folder.path("a/state");
    {
        auto first = control::StateDirectory::open(path);
        ASSERT_TRUE(first.ok()) << first.error().text;
        struct stat status {};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0700U);
        const auto second = control::StateDirectory::open(path);
        ASSERT_FALSE(second.ok());
        EXPECT_NE(second.error().text.find(path), std::string::npos);
    }
    EXPECT_TRUE(control::StateDirectory::open(path).ok());
}

TEST(StateDirectory, FileInItsPlaceIsAnError) {
    const Folder folder;
    folder.write("state", "text");
    EXPECT_FALSE(control::StateDirectory::open(folder.path("state")).ok());
}

}  // namespace
