#include "program/hazards.hpp"

#include <algorithm>

namespace maniple {

void Hazards::order(Instruction& instruction, InstructionId id) {
    ShortVector<InstructionId, 4>& after = instruction.after;
    for (const Use& use : instruction.reads) buffers_[use.buffer.index()].writes.find(use.box, after);
    for (const Use& use : instruction.writes) {
        buffers_[use.buffer.index()].writes.find(use.box, after);
        buffers_[use.buffer.index()].reads.find(use.box, after);
    }
    if (after.size() > 1) {
        std::sort(after.begin(), after.end());
        after.erase(std::unique(after.begin(), after.end()), after.end());
    }
    for (const Use& use : instruction.writes) {
        if (apart_[use.buffer.index()]) continue;
        History& history = buffers_[use.buffer.index()];
        history.reads.cut(use.box);
        history.writes.cut(use.box);
        history.writes.add(use.box, id);
    }
    for (const Use& use : instruction.reads) {
        if (!apart_[use.buffer.index()]) buffers_[use.buffer.index()].reads.add(use.box, id);
    }
}

}  // namespace maniple
