// lanes/file/output_datasets.hpp: what is to be written, from the graph and the job.
#pragma once

#include <vector>

#include "graph/graph.hpp"
#include "job/catalogue.hpp"
#include "lanes/file/files.hpp"

namespace maniple {

/// One data set for each output of the graph, in its order: shape, type, rows of a series, and what is carried over
/// from the inputs whose axes it still has.
std::vector<OutputDataset> output_datasets(const Graph& graph, const Job& job, const Catalogue& catalogue);

}  // namespace maniple
