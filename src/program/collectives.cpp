#include "program/collectives.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace maniple {

namespace {

constexpr int nobody = -1;

bool is_member(const Gathering& gathering, Rank rank) {
    return std::binary_search(gathering.members.begin(), gathering.members.end(), rank);
}

bool owners_are_members_in_order(const Gathering& gathering) {
    for (std::size_t i = 0; i < gathering.parts.size(); ++i) {
        const Rank owner = gathering.parts[i].owner;
        if (!is_member(gathering, owner) || (i > 0 && owner <= gathering.parts[i - 1].owner)) return false;
    }
    return true;
}

class HopFinder {
public:
    HopFinder(const Gathering& gathering, MessageKind kind, Rank me)
        : gathering_(gathering), kind_(kind), me_(me), count_(static_cast<int>(gathering.members.size())),
          member_(member_of(me)) {}

    std::vector<Hop> find() {
        switch (kind_) {
            case MessageKind::tree:
                for (std::size_t part = 0; part < gathering_.parts.size(); ++part) add_tree(part);
                break;
            case MessageKind::ring: add_ring(); break;
            case MessageKind::doubling: add_doubling(); break;
            case MessageKind::p2p: break;
        }
        return std::move(hops_);
    }

private:
    int member_of(Rank rank) const {
        const auto found = std::lower_bound(gathering_.members.begin(), gathering_.members.end(), rank);
        const bool is_member = found != gathering_.members.end() && *found == rank;
        return is_member ? static_cast<int>(found - gathering_.members.begin()) : nobody;
    }

    int around(int member) const { return ((member % count_) + count_) % count_; }
    Rank at(int member) const { return gathering_.members[static_cast<std::size_t>(around(member))]; }

    void send(Rank to, const Box& box, bool own) { hops_.push_back({kind_, true, own, to, box}); }
    void receive(Rank from, const Box& box) { hops_.push_back({kind_, false, false, from, box}); }

    // --- Trees ---------------------------------------------------------------------------------------------------

    /// Places in the tree are counted from the owner, place 0; a place's children are those that differ from it in one bit
    /// below its lowest: those that have most to hand on are sent to first.
    void add_tree(std::size_t number) {
        const Gathering::Part& part = gathering_.parts[number];
        const int root = member_of(part.owner);
        const int first = root == nobody ? static_cast<int>(number) : root + 1;  // the member at place 1
        const int places = root == nobody ? count_ + 1 : count_;
        const bool is_owner = part.owner == me_;
        if (!is_owner && member_ == nobody) return;
        const int place = is_owner ? 0 : around(member_ - first) + 1;
        const auto at_place = [&](int other) { return other == 0 ? part.owner : at(first + other - 1); };
        int lowest = 1;
        while (lowest < places && (place & lowest) == 0) lowest *= 2;
        if (!is_owner) receive(at_place(place & (place - 1)), part.box);
        for (int bit = lowest / 2; bit > 0; bit /= 2) {
            if (place + bit < places) send(at_place(place + bit), part.box, is_owner);
        }
    }

    // --- Rings ---------------------------------------------------------------------------------------------------

    /// Where a part comes into the ring.
    int entry_of(std::size_t number) const {
        const int owner = member_of(gathering_.parts[number].owner);
        return owner == nobody ? around(static_cast<int>(number)) : owner;
    }

    void add_ring() {
        std::vector<std::vector<std::size_t>> entering(static_cast<std::size_t>(count_));  // by member
        for (std::size_t part = 0; part < gathering_.parts.size(); ++part)
            entering[static_cast<std::size_t>(entry_of(part))].push_back(part);
        for (std::size_t part = 0; part < gathering_.parts.size(); ++part)
            bring(gathering_.parts[part], at(entry_of(part)));
        if (member_ == nobody) return;
        for (int step = 1; step < count_; ++step) {
            for (const std::size_t part : entering[static_cast<std::size_t>(around(member_ - step + 1))]) {
                const Gathering::Part& one = gathering_.parts[part];
                send(at(member_ + 1), one.box, one.owner == me_);
            }
            for (const std::size_t part : entering[static_cast<std::size_t>(around(member_ - step))])
                receive(at(member_ - 1), gathering_.parts[part].box);
        }
    }

    void bring(const Gathering::Part& part, Rank to) {
        if (part.owner == to) return;
        if (part.owner == me_) send(to, part.box, true);
        if (to == me_) receive(part.owner, part.box);
    }

    // --- Doubling ------------------------------------------------------------------------------------------------

    void add_doubling() {
        std::vector<Box> held(static_cast<std::size_t>(count_), Box::nothing(gathering_.parts.front().box.rank()));
        const bool in_place = owners_are_members_in_order(gathering_);
        const int parts = static_cast<int>(gathering_.parts.size());
        for (int number = 0; number < parts; ++number) {
            const Gathering::Part& part = gathering_.parts[static_cast<std::size_t>(number)];
            const auto spread = static_cast<int>(std::int64_t{number} * count_ / parts);
            const int holder = in_place ? member_of(part.owner) : spread;
            bring(part, at(holder));
            Box& box = held[static_cast<std::size_t>(holder)];
            box = bounding(box, part.box);
        }
        held_ = std::move(held);
        if (member_ == nobody) return;
        for (int distance = 1; distance < count_; distance *= 2) {
            const int members = std::min(distance, count_ - distance);
            for (const Box& box : boxes_of(member_, members)) send(at(member_ - distance), box, false);
            for (const Box& box : boxes_of(around(member_ + distance), members)) receive(at(member_ + distance), box);
        }
    }

    /// What so many members from `first` on had at first: up to the last member, and from the first one on.
    std::vector<Box> boxes_of(int first, int members) const {
        std::vector<Box> boxes;
        const int end = first + members;
        for (const auto& [lo, hi] : {std::pair(first, std::min(end, count_)), std::pair(0, end - count_)}) {
            Box box = Box::nothing(held_.front().rank());
            for (int member = lo; member < hi; ++member) box = bounding(box, held_[static_cast<std::size_t>(member)]);
            if (!box.empty()) boxes.push_back(box);
        }
        return boxes;
    }

    const Gathering& gathering_;
    MessageKind kind_;
    Rank me_;
    int count_;
    int member_;
    std::vector<Box> held_;  ///< by member: what it has when doubling begins
    std::vector<Hop> hops_;
};

/// The axis along which `b` goes on where `a` ends, and is as wide along all others; -1: there is none.
int axis_between(const Box& a, const Box& b) {
    int axis = -1;
    for (int i = 0; i < a.rank(); ++i) {
        if (a.lo[i] == b.lo[i] && a.hi[i] == b.hi[i]) continue;
        if (axis >= 0 || a.hi[i] != b.lo[i]) return -1;
        axis = i;
    }
    return axis;
}

}  // namespace

std::int64_t Gathering::largest_part() const {
    std::int64_t largest = 0;
    for (const Part& part : parts) largest = std::max(largest, part.box.volume());
    return largest;
}

bool may_double(const Gathering& gathering) {
    int along = -1;
    for (std::size_t i = 1; i < gathering.parts.size(); ++i) {
        const int axis = axis_between(gathering.parts[i - 1].box, gathering.parts[i].box);
        if (axis < 0 || (along >= 0 && axis != along)) return false;
        along = axis;
    }
    return gathering.parts.size() > 1;
}

bool enters(const Gathering& gathering) { return !owners_are_members_in_order(gathering); }

std::vector<Hop> hops_of(const Gathering& gathering, MessageKind kind, Rank me) {
    return HopFinder(gathering, kind, me).find();
}

}  // namespace maniple
