#include "lanes/vulkan/cache_file.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace maniple {

namespace {

constexpr std::size_t head_bytes = 16;
constexpr char magic[8] = {'m', 'p', 'l', 'c', 'a', 'c', 'h', '1'};

std::uint64_t hash_of(const std::uint8_t* bytes, std::size_t count) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::size_t i = 0; i < count; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

/// The variable's value; empty if it is unset.
std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

std::string cache_folder() {
    if (const std::string own = variable("MANIPLE_CACHE_DIR"); !own.empty()) return own;
    if (const std::string shared = variable("XDG_CACHE_HOME"); !shared.empty()) return shared + "/maniple";
    if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/maniple";
    return "";
}

CacheFile::CacheFile(const std::string& folder, const std::string& name)
    : folder_(folder), path_(folder.empty() ? "" : folder + "/" + name) {}

std::vector<std::uint8_t> CacheFile::read() const {
    std::error_code ignored;
    // Reading from a folder throws, from a pipe it waits.
    if (path_.empty() || !std::filesystem::is_regular_file(path_, ignored)) return {};
    std::ifstream file(path_, std::ios::binary);
    std::vector<std::uint8_t> bytes;
    const std::uintmax_t size = std::filesystem::file_size(path_, ignored);
    if (ignored) return {};
    bytes.resize(size);
    if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) return {};
    if (bytes.size() < head_bytes || std::memcmp(bytes.data(), magic, sizeof magic) != 0) return {};
    std::uint64_t hash = 0;
    std::memcpy(&hash, bytes.data() + sizeof magic, sizeof hash);
    bytes.erase(bytes.begin(), bytes.begin() + head_bytes);
    return hash == hash_of(bytes.data(), bytes.size()) ? bytes : std::vector<std::uint8_t>{};
}

void CacheFile::write(const std::vector<std::uint8_t>& bytes) const {
    if (path_.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(folder_, ignored);
    const std::string temporary = path_ + "." + std::to_string(::getpid());
    const std::uint64_t hash = hash_of(bytes.data(), bytes.size());
    {
        std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
        file.write(magic, sizeof magic);
        file.write(reinterpret_cast<const char*>(&hash), sizeof hash);
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        file.close();
        if (!file) {
            std::filesystem::remove(temporary, ignored);
            return;
        }
    }
    std::filesystem::rename(temporary, path_, ignored);
    if (ignored) std::filesystem::remove(temporary, ignored);
}

}  // namespace maniple
