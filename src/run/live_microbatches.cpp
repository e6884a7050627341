#include "run/live_microbatches.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace maniple {

namespace {

/// What one rank's program does with a piece, by chunk.
struct Use {
    std::vector<std::int32_t> made_by, touched_by;
    bool is_read_here = false;  ///< by an operation
    bool is_sent = false;
};

void add(std::vector<std::int32_t>& chunks, std::int32_t chunk) {
    if (chunks.empty() || chunks.back() != chunk) chunks.push_back(chunk);
}

/// Whether it is handed on as it is: what is joined becomes a part of something that stays.
bool is_handed_on(const Graph& graph, TensorId id) {
    const Tensor& tensor = graph[id];
    return tensor.microbatch >= 0 && tensor.kind == Tensor::Kind::computed &&
           std::none_of(tensor.readers.begin(), tensor.readers.end(),
                        [&](OperationId reader) { return graph[reader].joins; });
}

/// By tensor and step.
using Uses = std::map<std::pair<TensorId, int>, Use>;

void look_at(const Graph& graph, const Instruction& instruction, std::int32_t chunk, Uses& uses) {
    const auto use_of = [&](TensorId id) { return &uses[{id, instruction.step}]; };
    if (instruction.operation.valid()) {
        const Operation& operation = graph[instruction.operation];
        for (const TensorId output : operation.outputs) {
            if (instruction.kind == InstructionKind::check || !is_handed_on(graph, output)) continue;
            Use* const use = use_of(output);
            add(use->made_by, chunk);
            add(use->touched_by, chunk);
        }
        for (const TensorId input : operation.inputs) {
            if (!is_handed_on(graph, input)) continue;
            Use* const use = use_of(input);
            use->is_read_here = true;
            add(use->touched_by, chunk);
        }
    }
    const bool arrives = instruction.kind == InstructionKind::receive;
    if (!instruction.tensor.valid() || arrives || !is_handed_on(graph, instruction.tensor)) return;
    Use* const use = use_of(instruction.tensor);
    use->is_sent = use->is_sent || instruction.kind == InstructionKind::send;
    add(use->touched_by, chunk);
}

}  // namespace

void LiveMicrobatches::Kind::add(std::size_t microbatch) {
    // Relaxed, here and in remove(): a piece is added before the last of its uses ends, and ends() orders those.
    if (pieces[microbatch].fetch_add(1, std::memory_order_relaxed) > 0) return;
    const std::int64_t now = microbatches.fetch_add(1, std::memory_order_relaxed) + 1;
    std::int64_t before = most.load(std::memory_order_relaxed);
    while (before < now && !most.compare_exchange_weak(before, now, std::memory_order_relaxed)) {}
}

void LiveMicrobatches::Kind::remove(std::size_t microbatch) {
    if (pieces[microbatch].fetch_sub(1, std::memory_order_relaxed) == 1)
        microbatches.fetch_sub(1, std::memory_order_relaxed);
}

LiveMicrobatches::LiveMicrobatches(const Graph& graph, const Program& program)
    : makes_(program.chunks.size()), uses_(program.chunks.size()) {
    Uses uses;
    for (std::size_t chunk = 0; chunk < program.chunks.size(); ++chunk) {
        for (const InstructionId id : program.chunks[chunk].instructions)
            look_at(graph, program.instructions[id.index()], static_cast<std::int32_t>(chunk), uses);
    }
    int microbatches = 0;
    for (const Tensor& tensor : graph.tensors) microbatches = std::max(microbatches, tensor.microbatch + 1);
    std::size_t most = 0;
    for (const auto& [key, use] : uses) {
        const bool counts = !use.made_by.empty() && (use.is_read_here || use.is_sent);
        if (!counts) continue;
        const auto number = static_cast<std::int32_t>(pieces_.size());
        const auto microbatch = static_cast<std::size_t>(key.second * microbatches + graph[key.first].microbatch);
        most = std::max(most, microbatch + 1);
        pieces_.push_back({microbatch, use.is_read_here, static_cast<std::int32_t>(use.touched_by.size())});
        for (const std::int32_t chunk : use.made_by) makes_[static_cast<std::size_t>(chunk)].push_back(number);
        for (const std::int32_t chunk : use.touched_by) uses_[static_cast<std::size_t>(chunk)].push_back(number);
    }
    progress_ = std::vector<Progress>(pieces_.size());
    kept_.pieces = std::vector<std::atomic<std::int32_t>>(most);
    sent_.pieces = std::vector<std::atomic<std::int32_t>>(most);
}

void LiveMicrobatches::begin() {
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
        progress_[i].begun.store(false, std::memory_order_relaxed);  // shown with the execution's first chunks
        progress_[i].uses_left.store(pieces_[i].uses, std::memory_order_relaxed);
    }
    for (Kind* kind : {&kept_, &sent_}) {
        kind->microbatches.store(0, std::memory_order_relaxed);
        for (std::atomic<std::int32_t>& pieces : kind->pieces) pieces.store(0, std::memory_order_relaxed);
    }
}

void LiveMicrobatches::starts(ChunkId chunk) {
    for (const std::int32_t number : makes_[chunk.index()]) {
        const Piece& piece = pieces_[static_cast<std::size_t>(number)];
        std::atomic<bool>& begun = progress_[static_cast<std::size_t>(number)].begun;
        if (!begun.exchange(true, std::memory_order_relaxed)) kind_of(piece).add(piece.microbatch);
    }
}

void LiveMicrobatches::ends(ChunkId chunk) {
    for (const std::int32_t number : uses_[chunk.index()]) {
        const Piece& piece = pieces_[static_cast<std::size_t>(number)];
        std::atomic<std::int32_t>& left = progress_[static_cast<std::size_t>(number)].uses_left;
        // What makes a piece is among its uses, and has added it: the last use, which removes it, comes after that.
        if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) kind_of(piece).remove(piece.microbatch);
    }
}

LiveCounts LiveMicrobatches::most() const {
    return {kept_.most.load(std::memory_order_relaxed), sent_.most.load(std::memory_order_relaxed)};
}

}  // namespace maniple
