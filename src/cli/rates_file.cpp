#include "cli/rates_file.hpp"

#include <filesystem>

#include "lanes/vulkan/cache_file.hpp"

namespace maniple {

namespace {
constexpr const char* file_name = "rates";

std::string text_in(const CacheFile& file) {
    const std::vector<std::uint8_t> bytes = file.read();
    return {bytes.begin(), bytes.end()};
}
}  // namespace

std::string rates_path(const std::string& folder) { return CacheFile(folder, file_name).path(); }

std::optional<Rates> read_rates(const std::string& folder) {
    Rates rates;
    if (!parse_rates(text_in(CacheFile(folder, file_name)), rates)) return std::nullopt;
    return rates;
}

bool write_rates(const std::string& folder, const Rates& rates) {
    if (folder.empty()) return false;
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    const std::string text = text_of(rates);
    const CacheFile file(folder, file_name);
    file.write({text.begin(), text.end()});
    return text_in(file) == text;
}

}  // namespace maniple
