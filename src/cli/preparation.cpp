#include "cli/preparation.hpp"

#include <algorithm>

#include "cli/job_loading.hpp"
#include "job/job.hpp"

namespace maniple {

namespace {

bool reads_files(const Job& job) {
    return std::any_of(job.inputs.begin(), job.inputs.end(), [](const InputSpec& input) { return input.from; }) ||
           std::any_of(job.parameters.begin(), job.parameters.end(),
                       [](const ParameterSpec& parameter) { return parameter.input.from; });
}

void prepare(const RunOptions& options, const std::string& cache_folder, bool is_root, Prepared& made) {
    made.registry = std::make_unique<KernelRegistry>(standard_kernels());
    if (!is_root) return;
    if (!options.no_history) made.history = read_history(cache_folder);
    made.text = read_job_text(options.job);
    made.reading = read_job(*made.text, options.job, options.overrides);
    if (!made.reading->errors.empty() || reads_files(made.reading->job)) return;
    if (options.lanes) made.reading->job.plan.lanes = *options.lanes;
    made.graph = build_graph(made.reading->job, {}, *made.registry);
}

}  // namespace

Preparation::Preparation(const RunOptions& options, const std::string& cache_folder, bool is_root)
    : prepared_(std::async([options, cache_folder, is_root] {
          Prepared made;
          try {
              prepare(options, cache_folder, is_root, made);
          } catch (...) {}  // the run tries again where an error can be told to all ranks
          return made;
      })) {}

Prepared Preparation::take(const World& world) {
    Prepared made = prepared_.get();
    if (world.is_root()) return made;
    Prepared of_any_rank;
    of_any_rank.registry = std::move(made.registry);
    return of_any_rank;
}

}  // namespace maniple
