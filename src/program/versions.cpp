#include "program/versions.hpp"

#include <algorithm>
#include <numeric>

namespace maniple {

namespace {

/// What a rank loses where it stops between two steps: the end of its team's work, a few messages, the next beginning.
constexpr double stop_ns = 50'000;
/// Of a rank's work in a step, for a guess: most of what a chain of operations reads is in the cache.
constexpr double bytes_per_ns = 20;
/// More steps are never computed for nothing than this part of those before.
constexpr std::int64_t least_divisor = 8;
/// What a step begins with, and the two versions after it that alternate.
constexpr int slots_ahead = 3;
/// A result of a step that outlives the next one has a slot more, if it is as small as this; else the next one waits.
constexpr std::int64_t most_doubled_bytes = 4096;
/// Of a thread's work. One rank alone that has more to do between two looks loses less by waiting for them than by not going
/// through its tiles in order.
constexpr double most_hurried_ns = 10'000;

double step_ns(const Graph& graph, int workers) {
    double bytes = 0;
    for (const Operation& operation : graph.operations) {
        if (!operation.in_loop) continue;
        for (const TensorId id : operation.inputs) bytes += static_cast<double>(graph[id].bytes());
        for (const TensorId id : operation.outputs) bytes += static_cast<double>(graph[id].bytes());
    }
    return bytes / bytes_per_ns / workers;
}

/// Steps are computed for nothing where `until` ends the loop: at most as many as have been paid for by stops that were
/// left out, and twice, since the good ones among them are computed again.
std::int64_t divisor_of(const Graph& graph, int ranks) {
    return std::max(least_divisor, static_cast<std::int64_t>(2 * step_ns(graph, ranks) / stop_ns));
}

/// Whether `until` is of no other use, and a step that is computed for nothing cannot fail. Not where microbatches are
/// joined: a pipeline's steps overlap as they are.
bool may_look_later(const Graph& graph) {
    if (!graph.until.valid()) return false;
    const Tensor& until = graph[graph.until];
    if (until.kind != Tensor::Kind::computed || !until.in_loop || !until.readers.empty()) return false;
    const auto writes_it = [&](const GraphOutput& output) {
        return output.tensor == graph.until || output.after_carry == graph.until;
    };
    const auto carries_it = [&](const Carry& carry) { return carry.value == graph.until; };
    const auto may_fail = [](const Operation& operation) {
        return operation.in_loop && (!operation.domains.empty() || operation.twin_of.valid() || operation.joins);
    };
    return std::none_of(graph.outputs.begin(), graph.outputs.end(), writes_it) &&
           std::none_of(graph.carries.begin(), graph.carries.end(), carries_it) &&
           std::none_of(graph.operations.begin(), graph.operations.end(), may_fail);
}

/// Whether the steps that hold a look compute all that a run writes that ends there.
bool makes_last_outputs(const Graph& graph, const std::vector<std::size_t>& outputs) {
    std::vector<bool> made(graph.tensors.size(), false);
    made[graph.until.index()] = true;
    for (const Carry& carry : graph.carries) made[carry.value.index()] = true;
    for (std::size_t i = graph.operations.size(); i-- > 0;) {
        const Operation& operation = graph.operations[i];
        const bool needed = std::any_of(operation.outputs.begin(), operation.outputs.end(),
                                        [&](TensorId output) { return made[output.index()]; });
        if (!needed) continue;
        for (const std::vector<TensorId>* all : {&operation.inputs, &operation.outputs}) {
            for (const TensorId id : *all) made[id.index()] = true;
        }
    }
    return std::all_of(outputs.begin(), outputs.end(),
                       [&](std::size_t output) { return made[graph.outputs[output].tensor.index()]; });
}

class VersionFinder {
public:
    explicit VersionFinder(const Graph& graph) : graph_(graph), first_carry_(graph.tensors.size(), nullptr) {
        versions_.members.resize(graph.tensors.size());
        for (const Carry& carry : graph.carries) {
            const Carry*& first = first_carry_[carry.value.index()];
            if (first == nullptr) first = &carry;
        }
    }

    Versions find() {
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            const Tensor& tensor = graph_.tensors[i];
            if (tensor.kind == Tensor::Kind::computed && tensor.in_loop) start_chain(TensorId(i));
        }
        for (const Carry& carry : graph_.carries) {
            if (versions_[carry.input].family < 0) { start_family(carry.input, 2, false, 1); }
            if (!shares(carry)) versions_.copies.push_back({carry.input, carry.value});
        }
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            if (versions_.members[i].family < 0) start_family(TensorId(i), 1, true, 0);
        }
        // Pieces have as many slots as what they are pieces of, so that they may lie in there.
        for (const Operation& operation : graph_.operations) {
            if (!operation.joins || !operation.in_loop) continue;
            const auto slots_of = [&](TensorId id) -> int& {
                return versions_.families[static_cast<std::size_t>(versions_[id].family)].slots;
            };
            for (const TensorId piece : operation.inputs) slots_of(piece) = slots_of(operation.outputs[0]);
        }
        group_by_family();
        return std::move(versions_);
    }

private:
    void group_by_family() {
        std::vector<std::size_t>& first = versions_.first_of_family;
        first.resize(versions_.families.size() + 1, 0);
        for (const Versions::Member& member : versions_.members) ++first[static_cast<std::size_t>(member.family) + 1];
        std::partial_sum(first.begin(), first.end(), first.begin());
        std::vector<std::size_t> next = first;
        versions_.by_family.resize(versions_.members.size());
        for (std::size_t i = 0; i < versions_.members.size(); ++i)
            versions_.by_family[next[static_cast<std::size_t>(versions_.members[i].family)]++] = TensorId(i);
    }

    void start_family(TensorId head, int slots, bool stationary, int delay) {
        versions_.members[head.index()] = {static_cast<int>(versions_.families.size()), delay};
        versions_.families.push_back({head, slots, stationary});
    }

    /// A computed tensor and the inputs that it is carried into, one after the other.
    void start_chain(TensorId head) {
        start_family(head, 1, false, 0);
        TensorId at = head;
        for (const Carry* next = free_carry(at); next != nullptr; next = free_carry(at)) {
            versions_.members[next->input.index()] = {versions_[head].family, versions_[at].delay + 1};
            at = next->input;
        }
        versions_.families[static_cast<std::size_t>(versions_[head].family)].slots = versions_[at].delay + 1;
    }

    /// The first carry out of `value` into an input without a family: a second one would need the same slot.
    const Carry* free_carry(TensorId value) const {
        const Carry* carry = first_carry_[value.index()];
        return carry != nullptr && versions_[carry->input].family < 0 ? carry : nullptr;
    }

    bool shares(const Carry& carry) const {
        const Versions::Member& input = versions_[carry.input];
        const Versions::Member& value = versions_[carry.value];
        return input.family == value.family && input.delay == value.delay + 1;
    }

    const Graph& graph_;
    std::vector<const Carry*> first_carry_;  ///< by TensorId: out of it
    Versions versions_;
};

}  // namespace

int Versions::slot(TensorId tensor, const BlockShape& block, std::int64_t step) const {
    const Member& member = members[tensor.index()];
    const Family& family = families[static_cast<std::size_t>(member.family)];
    const auto wrapped = [&](std::int64_t number) {
        return static_cast<int>((number % family.slots + family.slots) % family.slots);
    };
    if (family.stationary) return 0;
    if (family.by_step) return wrapped(step);
    if (ahead_divisor == 0) return wrapped(block.phase + step + 1 - member.delay);
    // Counted from what the block begins with. The last one comes into the slot before that, the one before the last into
    // the slot before its own: so the phase alone says where both are. A single step leaves the other slot alone.
    const std::int64_t version = step + 1 - member.delay;
    if (version <= 0) return wrapped(block.phase + version);
    const bool like_last = (block.steps - version) % 2 == 0;
    return wrapped(block.phase + (block.steps > 1 && like_last ? 2 : 1));
}

int Versions::next_phase(const BlockShape& block) const {
    if (ahead_divisor == 0) return (block.phase + block.steps) % period;
    return (block.phase + std::min(block.steps, 2)) % period;
}

std::vector<std::size_t> outputs_of_last_step(const Graph& graph, const Versions& versions) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        const GraphOutput& output = graph.outputs[i];
        const int family = versions[output.tensor].family;
        if (output.every == 0 && !versions.families[static_cast<std::size_t>(family)].stationary) found.push_back(i);
    }
    return found;
}

namespace {

/// A run is too short, or its steps too long, for several looks in one block to gain anything.
bool may_look_behind(const Graph& graph, const Versions& versions, const StepWorkers& workers) {
    const bool pays = 2 * graph.check <= most_block_steps &&
                      (workers.ranks > 1 || step_ns(graph, workers.threads) <= most_hurried_ns);
    if (!workers.may_leave_out || !pays || !may_look_later(graph)) return false;
    // What a step begins with is written over in the next one, which would have to wait as a whole.
    const std::vector<std::size_t> outputs = outputs_of_last_step(graph, versions);
    return makes_last_outputs(graph, outputs) && std::all_of(outputs.begin(), outputs.end(), [&](std::size_t output) {
               return versions[graph.outputs[output].tensor].delay == 0;
           });
}

void look_behind(const Graph& graph, Versions& versions) {
    versions.looks_behind = true;
    for (const std::size_t output : outputs_of_last_step(graph, versions)) {
        const TensorId tensor = graph.outputs[output].tensor;
        Family& family = versions.families[static_cast<std::size_t>(versions[tensor].family)];
        if (family.slots == 1 && graph[tensor].bytes() <= most_doubled_bytes) family.slots = 2;
    }
}

bool may_look_ahead(const Graph& graph, const Versions& versions, const StepWorkers& workers, std::int64_t divisor) {
    const bool two_at_most = std::all_of(versions.families.begin(), versions.families.end(),
                                         [](const Family& family) { return family.slots <= 2; });
    // Nothing is gained where a run is too short, or its steps too long, for several looks in one block.
    const bool pays = 2 * graph.check <= most_block_steps &&
                      graph.steps / divisor >= std::min<std::int64_t>(4 * graph.check, most_block_steps);
    return workers.asks_others && two_at_most && pays && may_look_later(graph);
}

void look_ahead(Versions& versions, std::int64_t divisor) {
    versions.ahead_divisor = divisor;
    for (Family& family : versions.families) family.slots = family.slots == 2 ? slots_ahead : family.slots;
}

}  // namespace

Versions find_versions(const Graph& graph, const StepWorkers& workers) {
    Versions versions = VersionFinder(graph).find();
    const std::int64_t divisor = divisor_of(graph, workers.ranks);
    const bool behind = may_look_behind(graph, versions, workers);
    const bool ahead = !behind && may_look_ahead(graph, versions, workers, divisor);
    if (behind) look_behind(graph, versions);
    if (ahead) look_ahead(versions, divisor);
    if (behind || ahead) {
        Family& verdicts = versions.families[static_cast<std::size_t>(versions[graph.until].family)];
        verdicts.slots = most_block_steps;
        verdicts.by_step = true;
    }
    for (const Family& family : versions.families) {
        if (!family.by_step) versions.period = std::lcm(versions.period, family.slots);
    }
    return versions;
}

}  // namespace maniple
