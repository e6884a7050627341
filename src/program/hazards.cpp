#include "program/hazards.hpp"

#include <algorithm>

namespace maniple {

void Hazards::order(Touched& touched, InstructionId id) {
    Followed& after = touched.after;
    for (const Use& use : touched.reads) {
        if (!apart_[use.buffer.index()]) buffers_[use.buffer.index()].writes.find(use.box, after);
    }
    for (const Use& use : touched.writes) {
        if (apart_[use.buffer.index()]) continue;
        History& history = buffers_[use.buffer.index()];
        history.writes.take(use.box, after);
        history.reads.take(use.box, after);
    }
    if (after.size() > 1) {
        std::sort(after.begin(), after.end());
        after.erase(std::unique(after.begin(), after.end()), after.end());
    }
    for (const Use& use : touched.writes) {
        if (!apart_[use.buffer.index()]) buffers_[use.buffer.index()].writes.add(use.box, id);
    }
    for (const Use& use : touched.reads) {
        if (!apart_[use.buffer.index()]) buffers_[use.buffer.index()].reads.add(use.box, id);
    }
}

}  // namespace maniple
