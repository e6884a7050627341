#include "program/hazards.hpp"

#include <algorithm>

namespace maniple {

void Hazards::order(Instruction& instruction, InstructionId id) {
    const auto follow = [&](const std::vector<Access>& earlier, const Box& box) {
        for (const Access& access : earlier) {
            if (overlap(access.box, box)) instruction.after.push_back(access.by);
        }
    };
    for (const Use& use : instruction.reads) follow(buffers_[use.buffer.index()].writes, use.box);
    for (const Use& use : instruction.writes) {
        follow(buffers_[use.buffer.index()].writes, use.box);
        follow(buffers_[use.buffer.index()].reads, use.box);
    }
    std::sort(instruction.after.begin(), instruction.after.end());
    instruction.after.erase(std::unique(instruction.after.begin(), instruction.after.end()), instruction.after.end());
    for (const Use& use : instruction.writes) {
        if (apart_[use.buffer.index()]) continue;
        History& history = buffers_[use.buffer.index()];
        const auto covered = [&](const Access& access) { return use.box.contains(access.box); };
        std::erase_if(history.reads, covered);
        std::erase_if(history.writes, covered);
        history.writes.push_back({use.box, id});
    }
    for (const Use& use : instruction.reads) {
        if (!apart_[use.buffer.index()]) buffers_[use.buffer.index()].reads.push_back({use.box, id});
    }
}

}  // namespace maniple
