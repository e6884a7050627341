// No wide instruction may reach a program through a function that two objects share: every object of kernel code
// shows the linker one symbol.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

/// The lines of `nm` for one object: "0000 T name" as (type, name).
std::vector<std::pair<char, std::string>> symbols_of(const std::string& object) {
    std::vector<std::pair<char, std::string>> result;
    FILE* const pipe = popen(("nm '" + object + "'").c_str(), "r");
    if (pipe == nullptr) return result;
    char line[4096];
    while (std::fgets(line, sizeof line, pipe) != nullptr) {
        std::string text = line;
        while (!text.empty() && text.back() == '\n') text.pop_back();
        const std::size_t name = text.rfind(' ');
        if (name != std::string::npos && name > 0) result.emplace_back(text[name - 1], text.substr(name + 1));
    }
    pclose(pipe);
    return result;
}

TEST(Symbols, EveryKernelObjectShowsOne) {
    std::ifstream list(MANIPLE_KERNEL_OBJECTS);
    std::string object;
    int objects = 0;
    while (std::getline(list, object)) {
        if (object.empty()) continue;
        ++objects;
        std::vector<std::string> shown;
        for (const auto& [type, name] : symbols_of(object)) {
            EXPECT_EQ(std::string("VvWwu").find(type), std::string::npos) << object << ": weak symbol " << name;
            if (type >= 'A' && type <= 'Z' && type != 'U') shown.push_back(name);
        }
        ASSERT_EQ(shown.size(), 1u) << object;
        EXPECT_EQ(shown[0].rfind("maniple_kernel_", 0), 0u) << shown[0];
    }
    EXPECT_GT(objects, 20);
}

}  // namespace
