#include "cluster/rates.hpp"

#include <cmath>
#include <cstddef>
#include <sstream>
#include <utility>
#include <vector>

namespace maniple {

namespace {

constexpr const char* first_line = "maniple rates 1";

std::vector<std::pair<std::string, double*>> figures_of(Rates& rates) {
    return {{"core_gflops", &rates.core.flops},
            {"core_gb_per_s", &rates.core.bytes},
            {"node_gb_per_s", &rates.node_bytes},
            {"gpu_gflops", &rates.gpu.flops},
            {"gpu_gb_per_s", &rates.gpu.bytes},
            {"software_gpu_gflops", &rates.software_gpu.flops},
            {"software_gpu_gb_per_s", &rates.software_gpu.bytes},
            {"gpu_copy_gb_per_s", &rates.gpu_copy_bytes},
            {"gpu_chunk_ns", &rates.gpu_chunk_ns},
            {"within_latency_ns", &rates.within.latency_ns},
            {"within_gb_per_s", &rates.within.bytes},
            {"between_latency_ns", &rates.between.latency_ns},
            {"between_gb_per_s", &rates.between.bytes},
            {"file_latency_ns", &rates.files.latency_ns},
            {"file_gb_per_s", &rates.files.bytes},
            {"chunk_ns", &rates.chunk_ns}};
}

}  // namespace

std::string text_of(const Rates& rates) {
    Rates copy = rates;
    std::ostringstream text;
    text.precision(6);
    text << first_line << '\n' << "origin " << rates.origin << '\n';
    for (const auto& [name, figure] : figures_of(copy)) text << name << ' ' << *figure << '\n';
    return text.str();
}

bool parse_rates(const std::string& text, Rates& rates) {
    std::istringstream lines(text);
    Rates read;
    std::string line;
    if (!std::getline(lines, line) || line != first_line) return false;
    if (!std::getline(lines, line) || !line.starts_with("origin ")) return false;
    read.origin = line.substr(7);
    for (const auto& [name, figure] : figures_of(read)) {
        if (!std::getline(lines, line)) return false;
        std::istringstream words(line);
        std::string word;
        const bool good = (words >> word >> *figure) && word == name && std::isfinite(*figure) && *figure > 0;
        if (!good) return false;
    }
    rates = std::move(read);
    return true;
}

}  // namespace maniple
