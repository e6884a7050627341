#include "shipped.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "lanes/file/files.hpp"

namespace maniple {

namespace {

const std::filesystem::path& folder() {
    static const std::filesystem::path path = std::filesystem::path(MANIPLE_SOURCE_DIR) / "jobs";
    return path;
}

Catalogue catalogue_of(const Job& job) {
    if (job.name != "climate") return read_catalogue(job);
    const Shape levels = {20, 180, 360};
    return {{{"t", levels, DType::f32, {}, levels}, {"s", levels, DType::f32, {}, levels}}};
}

}  // namespace

const std::vector<std::string>& shipped_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(folder())) {
            if (entry.path().extension() == ".yaml") found.push_back(entry.path().stem().string());
        }
        std::sort(found.begin(), found.end());
        return found;
    }();
    return names;
}

const Graph& shipped_graph(const std::string& name) {
    static const KernelRegistry registry(standard_kernels());
    static std::map<std::string, Graph> graphs;
    const auto known = graphs.find(name);
    if (known != graphs.end()) return known->second;
    std::filesystem::path path = folder() / (name + ".yaml");
    if (!exists(path)) path = std::filesystem::path(MANIPLE_SOURCE_DIR) / "tests/proof" / (name + ".yaml");
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    const Job job = parse_job(text.str(), path.string());
    return graphs.emplace(name, build_graph(job, catalogue_of(job), registry)).first->second;
}

std::vector<PlanRequest> shipped_requests(int ranks) {
    std::vector<PlanRequest> all(3);
    all[0].strategy = "data";
    all[1].strategy = "model";
    all[2].strategy = "pipeline";
    all.push_back(all[2]);
    all.back().alternates = true;
    all.back().buffer_depth = 1;
    const auto add = [&](int data, int pipeline, int model) {
        if (data * pipeline * model > ranks) return;
        PlanRequest hybrid;
        hybrid.strategy = "hybrid";
        hybrid.hybrid = {data, pipeline, model};
        all.push_back(hybrid);
    };
    add(2, 2, 1);
    add(2, 1, 2);
    add(1, 2, 2);
    add(1, 2, 1);
    return all;
}

}  // namespace maniple
