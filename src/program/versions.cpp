#include "program/versions.hpp"

#include <numeric>

namespace maniple {

namespace {

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
        for (const Family& family : versions_.families) versions_.period = std::lcm(versions_.period, family.slots);
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

int Versions::slot(TensorId tensor, std::int64_t step) const {
    const Member& member = members[tensor.index()];
    const Family& family = families[static_cast<std::size_t>(member.family)];
    if (family.stationary) return 0;
    const std::int64_t version = step + 1 - member.delay;
    return static_cast<int>(((version % family.slots) + family.slots) % family.slots);
}

Versions find_versions(const Graph& graph) { return VersionFinder(graph).find(); }

}  // namespace maniple
