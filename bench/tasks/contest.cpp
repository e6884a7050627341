#include "tasks/contest.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace maniple::bench {
namespace {

std::uint64_t expected_of(Work& work) {
    const auto serial = make_serial(work);
    serial->run_ns();
    return serial->checksum();
}

}  // namespace

std::shared_ptr<Work> Graphs::of(int steps) {
    auto& work = works_[steps];
    if (work == nullptr) work = std::make_shared<Work>(pattern_, width_, steps, setting_.ranks);
    return work;
}

int Graphs::steps_for(std::int64_t tasks) const {
    const int grown = pattern_ == Pattern::tree ? std::bit_width(static_cast<unsigned>(width_ - 1)) : 0;
    return grown + std::max(2, static_cast<int>((tasks + width_ - 1) / width_));
}

std::vector<Interval> compete(const Setting& setting, const std::vector<Entrant>& entrants, const Kernel& kernel,
                              int samples) {
    std::map<Work*, std::uint64_t> expected;
    for (const Entrant& entrant : entrants) {
        Work& work = *entrant.work;
        if (expected.contains(&work)) continue;
        work.set_kernel(kernel);
        expected[&work] = expected_of(work);
    }
    std::vector<Contender> contenders;
    for (const Entrant& entrant : entrants) {
        contenders.push_back({entrant.name, [&entrant, &expected] {
                                  const double ns = entrant.system->run_ns();
                                  if (entrant.system->checksum() != expected.at(entrant.work.get())) {
                                      throw std::runtime_error(entrant.name + " computed something else than serial");
                                  }
                                  return ns / static_cast<double>(entrant.work->graph().tasks());
                              }});
    }
    std::vector<Interval> intervals;
    for (auto& figures : interleave(contenders, samples)) intervals.push_back(interval_of(std::move(figures)));
    setting.ranks.barrier();
    return intervals;
}

}  // namespace maniple::bench
