#include "lanes/file/output_datasets.hpp"

#include "lanes/file/slice.hpp"

namespace maniple {

namespace {

/// The graph counts an input's axes after slicing; scales hang on the file's.
ScaleOrigin scale_origin(const AxisOrigin& axis, const Job& job, const Catalogue& catalogue) {
    if (axis.input < 0) return {};
    const InputFacts& facts = catalogue.inputs[static_cast<std::size_t>(axis.input)];
    const InputSpec* input = job.input(facts.name);
    const Selection selection = select(facts.file_shape, input->from->slice, input->from->place);
    return {axis.input, static_cast<int>(selection.kept[axis.axis])};
}

}  // namespace

std::vector<OutputDataset> output_datasets(const Graph& graph, const Job& job, const Catalogue& catalogue) {
    std::vector<OutputDataset> datasets;
    for (const GraphOutput& output : graph.outputs) {
        const Tensor& tensor = graph[output.tensor];
        const OutputSpec& spec = job.outputs[output.spec];
        OutputDataset dataset;
        dataset.file = spec.to.path;
        dataset.dataset = spec.to.dataset;
        dataset.shape = tensor.shape;
        dataset.dtype = tensor.dtype;
        dataset.series = output.every > 0;
        dataset.every = output.every;
        dataset.rows = dataset.series ? graph.steps / output.every : 0;
        dataset.gzip_level = spec.gzip_level.value_or(-1);
        dataset.attributes_from = tensor.attributes_from;
        dataset.copies_input = tensor.kind == Tensor::Kind::input && graph.carry_of(output.tensor) == nullptr;
        dataset.attributes = spec.attributes;
        dataset.place = spec.to.place;
        for (const AxisOrigin& axis : tensor.axes) dataset.scales.push_back(scale_origin(axis, job, catalogue));
        datasets.push_back(std::move(dataset));
    }
    return datasets;
}

}  // namespace maniple
