#include "base/huge_pages.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <string>

namespace maniple {
namespace {

constexpr std::size_t large_page = std::size_t{2} << 20;

/// What the system says of the mapping that holds `address`; empty: it says nothing.
std::string flags_at(const void* address) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    std::ifstream maps("/proc/self/smaps");
    bool inside = false;
    for (std::string line; std::getline(maps, line);) {
        unsigned long first = 0, end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &end) == 2) inside = first <= wanted && wanted < end;
        if (inside && line.starts_with("VmFlags:")) return line;
    }
    return {};
}

class Mapping {
public:
    explicit Mapping(std::size_t bytes)
        : bytes_(bytes), data_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
    ~Mapping() { munmap(data_, bytes_); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    char* data() const { return static_cast<char*>(data_); }

private:
    std::size_t bytes_;
    void* data_;
};

TEST(HugePages, AreAskedForInTheMiddleOfALargeStretchAlone) {
    const Mapping memory(8 * large_page);
    if (flags_at(memory.data()).empty() || !std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"))
        GTEST_SKIP() << "this system has no large pages, or does not say";
    prefer_huge_pages(memory.data() + 100, 6 * large_page);
    EXPECT_NE(flags_at(memory.data() + 3 * large_page).find(" hg"), std::string::npos);
    EXPECT_EQ(flags_at(memory.data() + 8 * large_page - 1).find(" hg"), std::string::npos);
    std::memset(memory.data(), 1, 8 * large_page);
    EXPECT_EQ(memory.data()[5 * large_page], 1);
}

TEST(HugePages, AreNotAskedForWhereThereIsLittle) {
    const Mapping memory(8 * large_page);
    prefer_huge_pages(memory.data(), large_page);
    prefer_huge_pages(memory.data() + 1, 2 * large_page);
    EXPECT_EQ(flags_at(memory.data() + large_page).find(" hg"), std::string::npos);
}

}  // namespace
}  // namespace maniple
