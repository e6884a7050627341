#include "kernel/pack_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "kernel/kernel.hpp"

namespace maniple {
namespace {

namespace fs = std::filesystem;

/// A folder of this user's own, with a copy of a pack.
class PackFileTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = fs::temp_directory_path() / "packXXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        pack_ = folder_ / "cheats.so";
        fs::copy_file(MANIPLE_CHEATS, pack_);
        ASSERT_EQ(chmod(pack_.c_str(), 0755), 0);
    }
    void TearDown() override { fs::remove_all(folder_); }

    static std::string refusal(const fs::path& path) {
        try {
            PackFile{path};
        } catch (const UnavailableError& error) { return error.what(); }
        return "";
    }
    static void expect_refused(const fs::path& path, const std::string& why) {
        const std::string message = refusal(path);
        EXPECT_NE(message.find(why), std::string::npos) << message;
        EXPECT_NE(message.find(path.string()), std::string::npos) << message;
    }

    fs::path folder_;
    fs::path pack_;
};

TEST_F(PackFileTest, OpensAPack) {
    const PackFile file(pack_);
    const KernelRegistry registry(file.pack());
    EXPECT_NE(registry.find("honest"), nullptr);
}

TEST_F(PackFileTest, RefusesWhatOthersCanWrite) {
    ASSERT_EQ(chmod(pack_.c_str(), 0775), 0);
    expect_refused(pack_, "it can be written by its group or by others");
    ASSERT_EQ(chmod(pack_.c_str(), 0757), 0);
    expect_refused(pack_, "it can be written by its group or by others");
    ASSERT_EQ(chmod(pack_.c_str(), 0755), 0);
    ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
    expect_refused(pack_, "its folder ");
}

TEST_F(PackFileTest, LooksAtWhatALinkLeadsTo) {
    const fs::path open_folder = folder_ / "open";
    fs::create_directory(open_folder);
    fs::create_symlink(pack_, open_folder / "cheats.so");
    ASSERT_EQ(chmod(open_folder.c_str(), 0777), 0);
    EXPECT_EQ(refusal(open_folder / "cheats.so"), "");
    fs::rename(pack_, open_folder / "theirs.so");
    fs::create_symlink(open_folder / "theirs.so", pack_);
    expect_refused(pack_, "its folder ");
}

TEST_F(PackFileTest, RefusesAnotherOwner) {
    if (chown(pack_.c_str(), 12345, 0) != 0) GTEST_SKIP() << "only root can give a file away";
    if (geteuid() != 0) GTEST_SKIP();
    expect_refused(pack_, "belongs to user 12345");
}

TEST_F(PackFileTest, RefusesWhatIsNoPack) {
    expect_refused(folder_ / "none.so", "No such file");
    expect_refused(folder_, "is NAME.so");
    fs::copy_file(pack_, folder_ / "other.so");
    expect_refused(folder_ / "other.so", "no symbol maniple_pack_other");
    fs::rename(pack_, folder_ / "cheats.txt");
    expect_refused(folder_ / "cheats.txt", "is NAME.so");
    fs::create_directory(folder_ / "folder.so");
    expect_refused(folder_ / "folder.so", "it is not a file");
    fs::copy_file("/proc/self/cmdline", folder_ / "text.so");
    ASSERT_EQ(chmod((folder_ / "text.so").c_str(), 0644), 0);
    EXPECT_NE(refusal(folder_ / "text.so"), "");
}

TEST_F(PackFileTest, RefusesAnotherAbi) {
    fs::copy_file(MANIPLE_OLD_PACK, folder_ / "old.so");
    ASSERT_EQ(chmod((folder_ / "old.so").c_str(), 0755), 0);
    expect_refused(folder_ / "old.so", "it has ABI version");
}

}  // namespace
}  // namespace maniple
