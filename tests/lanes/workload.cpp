#include "workload.hpp"

#include <mpi.h>

#include <cstring>
#include <filesystem>

#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/file/file_lane.hpp"
#include "lanes/file/files.hpp"
#include "lanes/file/hdf5_handle.hpp"
#include "lanes/file/hdf5_types.hpp"
#include "lanes/net/net_lane.hpp"
#include "lanes/reference/reference.hpp"
#include "lanes/vulkan/gpu_lane.hpp"
#include "program/blocks.hpp"

namespace maniple::test {
namespace {

constexpr std::int64_t rows = 96, columns = 50;

std::int64_t input_value(int seed, std::int64_t element) { return element % 1000 * seed - 300; }

/// One step of a loop of integers: pointwise, then a fold.
const char* const computing = R"yaml(maniple: 1
name: computing
inputs: {u: {shape: [96, 50], fill: 0, dtype: i64}}
graph:
  v: u + u
  w: maximum(v, u)
  t: sum(w)
loop: {steps: 10, carry: {u: v}}
outputs: {w: out.h5:/w, t: out.h5:/t}
)yaml";

struct ComputingGraph {
    ComputingGraph() : registry(standard_kernels()), job(parse_job(computing, "computing.yaml")) {
        graph = build_graph(job, {}, registry);
        plan = make_plan(graph, Machine::uniform(1, {}), {});
    }
    TensorId tensor(const std::string& name) const {
        for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
            if (graph.tensors[i].name == name) return TensorId(i);
        }
        return {};
    }

    KernelRegistry registry;
    Job job;
    Graph graph;
    Plan plan;
};

/// The values of w and t for inputs of `seed`, by hand.
std::string computing_fault(int seed, const std::int64_t* w, std::int64_t t) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < rows * columns; ++i) {
        const std::int64_t want = std::max(2 * input_value(seed, i), input_value(seed, i));
        sum += want;
        if (w[i] != want) return "w[" + std::to_string(i) + "] is " + std::to_string(w[i]);
    }
    return t == sum ? "" : "t is " + std::to_string(t) + ", not " + std::to_string(sum);
}

class Reference final : public Workload {
public:
    Lane* lane() override { return nullptr; }
    const Program& program() const override { return none_; }
    void set(int) override {}
    std::string fault(int seed) override {
        Graph graph = computing_.graph;
        graph.steps = 1;
        Tensor& u = graph.tensors[computing_.tensor("u").index()];
        u.kind = Tensor::Kind::input;
        const std::vector<TensorBytes> outputs = evaluate_reference(graph, [&](const Tensor& tensor) {
            TensorBytes bytes(static_cast<std::size_t>(tensor.bytes()));
            for (std::int64_t i = 0; i < rows * columns; ++i) {
                const std::int64_t value = input_value(seed, i);
                std::memcpy(bytes.data() + i * 8, &value, 8);
            }
            return bytes;
        });
        std::int64_t t = 0;
        std::memcpy(&t, outputs[1].data(), 8);
        std::vector<std::int64_t> w(rows * columns);
        std::memcpy(w.data(), outputs[0].data(), outputs[0].size());
        return computing_fault(seed, w.data(), t);
    }

private:
    ComputingGraph computing_;
    Program none_;
};

/// A block in the middle of the loop, wholly on one lane that computes in the host's memory.
class Computing : public Workload {
public:
    explicit Computing(const LaneChoice& choice) {
        layout_ = build_layout(computing_.graph, computing_.plan, Rank(std::int32_t{0}), choice);
        BlockShape steady;
        steady.completes = true;
        program_ = build_program(computing_.graph, computing_.plan, layout_, steady);
        cut_chunks();
    }

    const Program& program() const override { return program_; }
    void set(int seed) override {
        for (std::size_t i = 0; i < layout_.buffers.size(); ++i) {
            const Block block = arena_->block(BufferId(i));
            std::memset(block.data, 0x5a, static_cast<std::size_t>(block.bytes()));
        }
        auto* u = reinterpret_cast<std::int64_t*>(block_of("u").data);
        for (std::int64_t i = 0; i < rows * columns; ++i) u[i] = input_value(seed, i);
    }
    std::string fault(int seed) override {
        return computing_fault(seed, reinterpret_cast<const std::int64_t*>(block_of("w").data),
                               *reinterpret_cast<const std::int64_t*>(block_of("t").data));
    }

protected:
    /// A chunk for each instruction, so that they wait for each other.
    void cut_chunks() {
        const std::vector<Instruction>& instructions = program_.instructions;
        program_.chunks.assign(instructions.size(), {});
        for (std::size_t i = 0; i < instructions.size(); ++i) {
            program_.chunks[i].lane = instructions[i].lane;
            program_.chunks[i].gpu = instructions[i].gpu;
            program_.chunks[i].instructions = {InstructionId(i)};
            program_.chunks[i].predecessors = static_cast<std::int32_t>(instructions[i].after.size());
            for (const InstructionId before : instructions[i].after)
                program_.chunks[before.index()].dependents.push_back(ChunkId(i));
        }
    }

    Block block_of(const std::string& name) {
        const TensorId id = computing_.tensor(name);
        const int slot = layout_.versions.slot(id, program_.shape, 0);
        return arena_->block(BufferId(layout_.instances_of(id)[0].first.index() + static_cast<std::size_t>(slot)));
    }

    ComputingGraph computing_;
    Layout layout_;
    Program program_;
    std::unique_ptr<Arena> arena_;
};

class OnCpu final : public Computing {
public:
    OnCpu() : Computing({}) {
        arena_ = std::make_unique<Arena>(layout_);
        lane_ = std::make_unique<CpuLane>(
            computing_.graph, *arena_, choose_instruction_set(computing_.registry.all().front().instruction_sets), 1);
    }
    Lane* lane() override { return lane_.get(); }

private:
    std::unique_ptr<CpuLane> lane_;
};

class OnVulkan final : public Computing {
public:
    OnVulkan(std::unique_ptr<VulkanInstance> instance, const LaneChoice& choice)
        : Computing(choice), instance_(std::move(instance)) {
        lane_ = std::make_unique<GpuLane>(*instance_, 0, 0, computing_.graph, layout_);
        arena_ = std::make_unique<Arena>(layout_, [&](BufferId buffer) { return lane_->mapped(buffer); });
    }
    Lane* lane() override { return lane_.get(); }

private:
    std::unique_ptr<VulkanInstance> instance_;
    std::unique_ptr<GpuLane> lane_;
};

std::unique_ptr<Workload> on_vulkan(const World&, std::string& reason) {
    InstanceOptions options = InstanceOptions::from_environment();
    options.software_threads = 1;
    auto instance = std::make_unique<VulkanInstance>(options);
    if (instance->devices().empty()) {
        reason = "no Vulkan device: " + instance->reason();
        return nullptr;
    }
    LaneChoice choice;
    choice.gpus = {facts_of(instance->devices()[0])};
    choice.gpus[0].unified = true;  // its memory is mapped; on a discrete one that is slow, not wrong
    choice.lanes.assign(3, {0});
    return std::make_unique<OnVulkan>(std::move(instance), choice);
}

// --- Lanes that move boxes -------------------------------------------------------------------------------------------

/// Two host buffers of one tensor, of which boxes of rows are sent, received or read.
class Moving : public Workload {
public:
    explicit Moving(const World& world) : world_(world) {
        layout_.rank = world.rank();
        for (const char* name : {"from", "to"}) layout_.buffers.push_back({name, Box::whole({rows, columns}), 8, {}});
        arena_ = std::make_unique<Arena>(layout_);
    }
    const Program& program() const override { return program_; }
    void set(int seed) override {
        fill(0, [&](std::int64_t i) { return input_value(seed, i) + world_.rank().value; });
        fill(1, [](std::int64_t) { return std::int64_t{-1}; });
    }

protected:
    template <class Value>
    void fill(std::size_t buffer, Value&& value) {
        auto* data = reinterpret_cast<std::int64_t*>(arena_->block(BufferId(buffer)).data);
        for (std::int64_t i = 0; i < rows * columns; ++i) data[i] = value(i);
    }
    static Box strip(std::int64_t part, std::int64_t parts) {
        return Box(Extents{0, columns * part / parts}, Extents{rows, columns * (part + 1) / parts});
    }
    void add(Instruction instruction) {
        program_.instructions.push_back(std::move(instruction));
        program_.chunks.push_back(
            {program_.instructions.back().lane, -1, {InstructionId(program_.instructions.size() - 1)}, {}, 0});
    }
    template <class Value>
    std::string differs(Value&& want) {
        const auto* data = reinterpret_cast<const std::int64_t*>(arena_->block(BufferId(std::size_t{1})).data);
        for (std::int64_t i = 0; i < rows * columns; ++i) {
            if (data[i] != want(i)) return "element " + std::to_string(i) + " is " + std::to_string(data[i]);
        }
        return "";
    }

    const World& world_;
    Layout layout_;
    Program program_;
    std::unique_ptr<Arena> arena_;
};

/// Strided boxes to the other rank and from it.
class Messages final : public Moving {
public:
    Messages(const World& world, bool near)
        : Moving(world), mailboxes_(world, near), lane_(world, *arena_, &mailboxes_) {
        const Rank peer(std::int32_t{1 - world.rank().value});
        for (int part = 0; part < 6; ++part) {
            for (const bool sends : {true, false}) {
                Instruction message;
                message.kind = sends ? InstructionKind::send : InstructionKind::receive;
                message.lane = LaneKind::net;
                message.peer = peer;
                message.tag = part;
                message.box = strip(part, 6);
                const Use use{BufferId(std::size_t{sends ? 0u : 1u}), message.box};
                if (sends) {
                    message.reads.push_back(use);
                } else {
                    message.writes.push_back(use);
                }
                add(std::move(message));
            }
        }
    }
    Lane* lane() override { return &lane_; }
    std::string fault(int seed) override {
        return differs([&](std::int64_t i) { return input_value(seed, i) + 1 - world_.rank().value; });
    }

private:
    Mailboxes mailboxes_;
    NetLane lane_;
};

/// Boxes of a data set. The file is the same for every seed.
class Reads final : public Moving {
public:
    explicit Reads(const World& world) : Moving(world), folder_(make_folder(world)) {
        const std::string path = folder_ + "/in" + std::to_string(world.rank().value) + ".h5";
        write_input(path);
        job_ =
            parse_job("maniple: 1\nname: reads\ninputs: {u: " + path + ":/u}\noutputs: {u: out.h5:/u}\n", "reads.yaml");
        catalogue_ = read_catalogue(job_);
        graph_ = build_graph(job_, catalogue_, registry_);
        inputs_ = std::make_unique<InputFiles>(job_, catalogue_);
        lane_ = std::make_unique<FileLane>(graph_, *arena_, *inputs_, nullptr);
        for (int part = 0; part < 6; ++part) {
            Instruction read;
            read.kind = InstructionKind::read;
            read.lane = LaneKind::file;
            read.tensor = TensorId(std::size_t{0});
            read.box = strip(part, 6);
            read.writes.push_back({BufferId(std::size_t{1}), read.box});
            add(std::move(read));
        }
    }
    ~Reads() override {
        lane_.reset();
        inputs_.reset();
        std::filesystem::remove_all(folder_);
    }
    Lane* lane() override { return lane_.get(); }
    std::string fault(int) override {
        return differs([](std::int64_t i) { return input_value(7, i); });
    }

private:
    static std::string make_folder(const World&) {
        char name[] = "/tmp/maniple-lanes-XXXXXX";
        return mkdtemp(name);
    }
    static void write_input(const std::string& path) {
        hdf5::start();
        std::vector<std::int64_t> values;
        for (std::int64_t i = 0; i < rows * columns; ++i) values.push_back(input_value(7, i));
        const hdf5::Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "create");
        const hdf5::Handle space = hdf5::space_of({rows, columns});
        const hdf5::Handle dataset(H5Dcreate2(file, "/u", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                   H5Dclose, "create");
        hdf5::check(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "write");
    }

    std::string folder_;
    KernelRegistry registry_{standard_kernels()};
    Job job_;
    Catalogue catalogue_;
    Graph graph_;
    std::unique_ptr<InputFiles> inputs_;
    std::unique_ptr<FileLane> lane_;
};

template <class Made, class... Arguments>
std::unique_ptr<Workload> made(Arguments&&... arguments) {
    return std::make_unique<Made>(std::forward<Arguments>(arguments)...);
}

}  // namespace

const std::vector<WorkloadMaker>& all_workloads() {
    using enum Capability;
    static const std::vector<WorkloadMaker> workloads = {
        {"reference", {}, [](const World&, std::string&) { return made<Reference>(); }},
        {"cpu", {chunks}, [](const World&, std::string&) { return made<OnCpu>(); }},
        {"vulkan", {chunks, asynchronous, cancelled}, on_vulkan},
        {"net", {chunks, cancelled}, [](const World& world, std::string&) { return made<Messages>(world, false); }},
        {"net_near", {chunks, cancelled}, [](const World& world, std::string&) { return made<Messages>(world, true); }},
        {"file", {chunks, asynchronous}, [](const World& world, std::string&) { return made<Reads>(world); }},
    };
    return workloads;
}

}  // namespace maniple::test
