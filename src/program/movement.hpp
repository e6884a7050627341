// program/movement.hpp: the one rule for moving data: what a lane needs and does not have is brought to it.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "program/emitter.hpp"
#include "program/rank_points.hpp"
#include "program/relays.hpp"
#include "program/transfers.hpp"

namespace maniple {

/// Keeps what is valid where: on every rank (its halos), and on this one in every memory. Borrows all it is given.
class Movement {
public:
    Movement(const Graph& graph, const Plan& plan, const Layout& layout, Emitter& emitter);

    /// Makes what an operation reads available on every rank and lane that computes a part of it, as far as this rank is
    /// concerned: of stationary tensors only in a block that loads; `stationary_only` leaves out all others.
    void gather_inputs(OperationId operation, bool stationary_only);
    /// The same for the value of a carry that is copied, in the host's memory.
    void gather_copy(const CarryCopy& copy);
    /// The same for a whole tensor on every rank.
    void gather_everywhere(TensorId tensor);

    /// A new version of a computed tensor in its slot at `step`: halos and copies of an older one are stale; it is valid
    /// where its operation's lanes make it.
    void made(TensorId tensor, std::int64_t step);
    /// A new version of an input by a copy in the host's memory.
    void copied(TensorId input, std::int64_t step);
    /// An input has been loaded into the host's memory: brings it where its later versions are made.
    void loaded(TensorId input);

    /// States are about to be written: what is in their buffers is stale.
    void forget(BufferId host);
    /// `box` of a host buffer's counterpart in `memory` is valid from now on.
    void wrote(BufferId host, int memory, const Box& box) { valid(host, memory).add_next(box); }
    /// Makes `box` valid in `memory`, by copies from where it is. Requires: it is valid in some memory.
    void place(int memory, BufferId host, const Box& box);

    /// What is valid of a buffer, as a number: equal ones, equal boxes in the same order. At most most_numbers; -1: there
    /// have been too many. Requires: has_numbers().
    int number_of_valid(BufferId host);
    const Region& numbered(int number) const { return numbered_[static_cast<std::size_t>(number)]; }
    /// That is valid from now on: as if what led to it had been done. Requires: number_of_valid() has given it.
    void set_valid(BufferId host, int number);
    static constexpr int nothing = 0;
    static constexpr std::size_t most_numbers = 64;
    /// Whether numbers say all that decides over movement: the rank is alone and has one memory.
    bool has_numbers() const { return plan_.ranks == 1 && memories_ == 1; }

    /// A rank's part of a tensor, made by one lane.
    struct Home {
        int memory = 0;
        Box box;
    };
    /// Where the lanes of this rank make the versions of a tensor: there they are when a block begins.
    ShortVector<Home, 1> homes(TensorId tensor) const { return homes_of(layout_.versions[tensor].family); }

private:
    /// An argument of an operation whose tensor has been gathered for it.
    struct Gathered {
        OperationId operation;
        std::size_t argument = 0;
    };
    static constexpr std::size_t most_remembered = 4;
    using Needs = std::function<std::vector<Box>(Rank)>;
    /// Boxes of a tensor under a rule that a lane needs in an instance of it.
    struct Wanted {
        TensorId tensor;
        const BoundaryRule& rule;
        std::size_t instance;
        std::span<const Box> needs;
    };
    /// Who asks for what of a tensor.
    struct Demand {
        Needs needs;
        std::vector<Rank> askers;  ///< all other ranks that may need what this one owns, ascending
    };

    bool is_gathered(OperationId operation, std::size_t argument, const BoundaryRule& rule);
    bool reads_alike(const Gathered& a, const Gathered& b) const;
    ShortVector<Tile, 1> shares_of(OperationId operation) const;
    bool relay_argument(OperationId operation, std::size_t argument, const BoundaryRule& rule);
    void carry_out(const Relay& relay, TensorId tensor, std::size_t instance);
    bool is_untouched(BufferId buffer);
    /// Between this rank's host memory and another's.
    struct Message {
        Rank peer;
        bool sends = false;
        Box box;
    };
    std::vector<Message> exchange(TensorId tensor, const BoundaryRule& rule, const Demand& demand);
    void exchange_argument(OperationId operation, std::size_t argument, const BoundaryRule& rule);
    void pass_on(const Message& message, TensorId tensor, std::size_t instance);
    bool is_exchanged_alike(const Gathered& a, const Gathered& b) const;
    bool is_made_alike(TensorId a, TensorId b) const;
    std::vector<Rank> readers(OperationId operation, TensorId tensor, const BoundaryRule& rule) const;
    void bring(TensorId tensor, const BoundaryRule& rule, int lane, std::span<const Box> needs);
    void arrive(const Transfer& transfer, TensorId tensor, std::size_t instance, int lane);
    bool is_in_place(const Transfer& transfer, std::size_t instance) const;
    void emit_boundary(const Transfer& transfer, TensorId tensor, BufferId buffer, int lane);
    void move_within(const Transfer& transfer, TensorId tensor, std::size_t instance, int lane);
    void emit_copy(const Transfer& transfer, TensorId tensor, BufferId from, BufferId to, int lane);
    struct Found;
    Found& transfers_within(const Wanted& wanted, const Region& there);
    bool is_found_for(const Found& one, const Wanted& wanted, const Box& owned, const Region& there) const;
    void bring_again(const Found& found, TensorId tensor, std::size_t instance, int lane);
    const std::vector<Tile>* tiles_of_producer(TensorId tensor) const;
    bool concerns_me(const TransferRequest& request) const;
    void add_along_tiles(const Transfer& whole, TensorId tensor, std::vector<Transfer>& pieces) const;
    void upload(int memory, BufferId from, const Box& source, BufferId to, const Box& target);
    void download(int memory, BufferId host, const Box& box);
    Box staged(int gpu, std::int64_t bytes);
    std::vector<Box> staged_pieces(int gpu, const Box& box, std::int64_t element_bytes) const;
    void emit_move(int lane, InstructionKind kind, const Use& from, const Use& to, const Box& box);
    Region& available(BufferId buffer, std::size_t instance, TensorId tensor, Rank rank);
    Region& valid(BufferId host, int memory);
    void settle(BufferId host, int family);
    ShortVector<Home, 1> homes_of(int family) const;
    bool is_stationary(TensorId tensor) const;

    /// What a lane lacks, and all that it follows from. Operations of one kind most often lack the same.
    struct Found {
        TensorId tensor;
        std::size_t instance = 0;
        Shape shape;
        BoundaryRule rule;
        std::vector<Box> needs;
        Box owned;               ///< by this rank
        std::vector<Box> there;  ///< valid for the lane before
        std::vector<Transfer> transfers;
        bool stays_in_host = false;  ///< nothing else is copied for these, and after them is valid:
        Region after;
    };

    /// The messages of an argument whose tensor's version had not been moved before.
    struct Exchanged {
        Gathered by;
        std::size_t instance = 0;
        std::vector<Message> messages;
        std::map<Rank, Region> available;  ///< after them
    };

    /// What has been moved between ranks of the version in a buffer, as far as every rank knows it.
    struct Moved {
        bool exchanged = false;        ///< something, perhaps
        std::vector<Gathered> asked;   ///< who has had it gathered and may have needed nothing from others
        const Relay* relay = nullptr;  ///< who has handed on what
    };

    const Graph& graph_;
    const Plan& plan_;
    const Layout& layout_;
    Emitter& emitter_;
    Rank me_;
    RankPoints points_;
    Relays relays_;
    std::vector<Moved> moved_;  ///< by host buffer
    /// By host buffer: on a rank, in some memory of it. Empty where there is no other rank.
    std::vector<std::map<Rank, Region>> available_;
    std::vector<ShortVector<Gathered, most_remembered>>
        gathered_;                ///< by host buffer: for whom, since it was made; the last few
    std::size_t memories_;        ///< of this rank
    std::vector<Region> valid_;   ///< by host buffer, then by memory: on this rank; see valid()
    std::vector<int> number_of_;  ///< by host buffer: what is valid instead; -1: what valid_ says
    std::vector<Region> numbered_ = std::vector<Region>(1);  ///< by number
    std::vector<std::int64_t> staging_at_;                   ///< by gpu lane: the next byte of its staging buffer
    std::vector<Found> found_;                               ///< the last few
    std::size_t next_found_ = 0;                             ///< of these the one to be forgotten next
    std::vector<Exchanged> exchanged_;                       ///< the last few
    std::size_t next_exchanged_ = 0;                         ///< of these the one to be forgotten next
};

}  // namespace maniple
