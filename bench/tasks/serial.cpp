#include "tasks/system.hpp"

namespace maniple::bench {
namespace {

class Serial final : public System {
public:
    using System::System;

protected:
    void execute() override {
        const TaskGraph& graph = work().graph();
        for (int step = 0; step < graph.steps(); ++step) {
            const int width = graph.width_at(step);
            for (int column = 0; column < width; ++column) {
                work().run(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column));
            }
        }
    }
};

}  // namespace

std::unique_ptr<System> make_serial(Work& work) { return std::make_unique<Serial>(work); }

}  // namespace maniple::bench
