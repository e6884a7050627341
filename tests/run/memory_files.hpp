// tests/run/memory_files.hpp: a file lane without files: inputs and outputs are whole tensors in memory.
#pragma once

#include <cstring>
#include <map>
#include <vector>

#include "lanes/arena.hpp"
#include "lanes/lane.hpp"
#include "lanes/reference/reference.hpp"

namespace maniple {

/// Reads from whole inputs; keeps what this rank writes, and which bytes that was.
class MemoryFiles final : public Lane {
public:
    MemoryFiles(const Graph& graph, Arena& arena, const InputLoader& load) : graph_(graph), arena_(arena) {
        inputs_.resize(graph.tensors.size());
        for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
            if (graph.tensors[i].kind == Tensor::Kind::input) inputs_[i] = load(graph.tensors[i]);
        }
        for (const GraphOutput& output : graph.outputs) {
            const std::int64_t rows = output.every > 0 ? graph.steps / output.every : 1;
            const auto bytes = static_cast<std::size_t>(rows * graph[output.tensor].bytes());
            outputs_.emplace_back(bytes);
            written_.emplace_back(bytes);
        }
    }

    std::unique_ptr<LaneProgram> prepare(const Program& program) override {
        return std::make_unique<Part>(*this, program);
    }
    Activity activity() const override { return {}; }

    /// This rank's bytes of each output, zero where others wrote.
    std::vector<TensorBytes>& outputs() { return outputs_; }
    /// How often each byte was written by this rank.
    std::vector<std::vector<unsigned char>>& written() { return written_; }

private:
    class Part final : public LaneProgram {
    public:
        Part(MemoryFiles& files, const Program& program) : files_(files), program_(program) {}
        void submit(ChunkId chunk, const Execution& execution, Completion& done) override {
            for (const InstructionId id : program_.chunks[chunk.index()].instructions)
                files_.carry_out(program_.instructions[id.index()], execution);
            done.finished(chunk, nullptr);
        }

    private:
        MemoryFiles& files_;
        const Program& program_;
    };

    void carry_out(const Instruction& instruction, const Execution& execution) {
        const Tensor& tensor = graph_[instruction.tensor];
        const std::size_t element = size_of(tensor.dtype);
        if (instruction.kind == InstructionKind::read) {
            const ConstBlock whole{inputs_[instruction.tensor.index()].data(), element, Box::whole(tensor.shape)};
            copy_box(whole, instruction.box, arena_.block(instruction.writes[0].buffer), instruction.writes[0].box);
            return;
        }
        if (instruction.kind == InstructionKind::store || instruction.kind == InstructionKind::restore) {
            keep(instruction);
            return;
        }
        const std::int64_t step = execution.first_step + instruction.step;
        const std::int64_t row = instruction.every > 0 ? (step + 1) / instruction.every - 1 : 0;
        const std::int64_t start = row * tensor.bytes();
        const Block target{outputs_[instruction.file_number].data() + start, element, Box::whole(tensor.shape)};
        copy_box(read_only(arena_.block(instruction.reads[0].buffer)), instruction.reads[0].box, target,
                 instruction.box);
        count(instruction, element, start);
    }

    /// What has no room in the arena.
    void keep(const Instruction& instruction) {
        const Use &from = instruction.reads[0], &to = instruction.writes[0];
        const bool stores = instruction.kind == InstructionKind::store;
        const BufferId id = stores ? to.buffer : from.buffer;
        const BufferSpec& spec = arena_.layout()[id];
        std::vector<std::byte>& bytes = kept_[id];
        bytes.resize(static_cast<std::size_t>(spec.bytes()));
        const Block there{bytes.data(), static_cast<std::size_t>(spec.element_bytes), spec.box};
        if (stores) {
            copy_box(read_only(arena_.block(from.buffer)), from.box, there, to.box);
        } else {
            copy_box(read_only(there), from.box, arena_.block(to.buffer), to.box);
        }
    }

    void count(const Instruction& instruction, std::size_t element, std::int64_t start) {
        const Tensor& tensor = graph_[instruction.tensor];
        std::vector<std::byte> ones(static_cast<std::size_t>(instruction.box.volume()) * element, std::byte{1});
        auto* counts = reinterpret_cast<std::byte*>(written_[instruction.file_number].data());
        std::vector<std::byte> mark(static_cast<std::size_t>(tensor.bytes()));
        copy_box({ones.data(), element, instruction.box}, instruction.box,
                 {mark.data(), element, Box::whole(tensor.shape)}, instruction.box);
        for (std::size_t i = 0; i < mark.size(); ++i) {
            std::byte& byte = counts[static_cast<std::size_t>(start) + i];
            byte = static_cast<std::byte>(static_cast<unsigned>(byte) + static_cast<unsigned>(mark[i]));
        }
    }

    const Graph& graph_;
    Arena& arena_;
    std::vector<TensorBytes> inputs_;  ///< by TensorId
    std::map<BufferId, std::vector<std::byte>> kept_;
    std::vector<TensorBytes> outputs_;
    std::vector<std::vector<unsigned char>> written_;
};

}  // namespace maniple
