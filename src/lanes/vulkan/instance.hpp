// lanes/vulkan/instance.hpp: the Vulkan loader, opened at run time, and what it says of this node's devices.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cluster/machine.hpp"

namespace maniple {

/// What MANIPLE_VULKAN_PRETEND turns on: a device that imitates a less comfortable one, for tests.
struct Pretend {
    bool not_unified = false;    ///< the host's memory is not its own: staging and copies
    bool not_coherent = false;   ///< staging memory has to be flushed and invalidated (implies not_unified)
    bool small_windows = false;  ///< storage buffers are seen through windows of 64 KiB
    bool hangs = false;          ///< nothing that is submitted is ever seen to end
    int queues = 0;              ///< so many, whatever there is, and small copies go there too; 0: those that are there
    bool copy_queues = false;    ///< those for copies do nothing else

    /// Reads a list of words with commas between: "not-unified,small-windows". Errors: UsageError for an unknown one.
    static Pretend parse(const std::string& words);
};

/// One device of the node, as its driver describes it.
struct DeviceDescription {
    int number = 0;  ///< in the node's enumeration
    std::string name;
    std::string vendor;
    std::string type;         ///< "discrete", "integrated", "virtual", "software", "other"
    std::string driver;       ///< name and version, as it writes them
    std::string api_version;  ///< "1.3.230"

    bool usable = false;
    std::string reason;  ///< why it is not

    bool software = false;             ///< a processor that imitates a gpu
    bool unified = false;              ///< the host's memory is its own and coherent: buffers can be used in place
    bool timeline_semaphores = false;  ///< without them it is not usable
    bool keeps_denormals = false;      ///< f32
    bool keeps_denormals_f64 = false;
    bool separate_denormals = false;    ///< f32 and f64 may be told to keep theirs one without the other
    std::uint32_t features = 0;         ///< MANIPLE_GPU_* of kernel/abi.hpp
    std::int64_t memory_bytes = 0;      ///< of its largest own heap
    std::int64_t available_bytes = -1;  ///< of that, what the driver gives to this process now; -1: it does not say
    std::int64_t max_window_bytes = 0;  ///< maxStorageBufferRange
    std::int64_t max_buffer_bytes = 0;  ///< of one allocation
    std::string queues;                 ///< which ones a lane with a memory of its own uses for copies (queues_text)
    std::array<std::int64_t, 3> max_groups{};
};

/// "f64, i64, 8-bit storage, 16-bit storage" of MANIPLE_GPU_*; "none" for 0.
std::string features_text(std::uint32_t features);

/// "1.3.239": of the headers that this was built with.
std::string vulkan_headers_version();

/// The part of a description that plans are made from.
GpuFacts facts_of(const DeviceDescription& description);

struct InstanceOptions {
    /// LP_NUM_THREADS for software devices where it is unset: their threads compete with the team. 0: left alone.
    int software_threads = 0;
    /// Turns on VK_LAYER_KHRONOS_validation, for tests. What else it looks at stands in the file that
    /// VK_LAYER_SETTINGS_PATH names, which the layer reads itself.
    bool validation = false;
    Pretend pretend;

    /// `pretend` from the environment. Errors: UsageError.
    static InstanceOptions from_environment();
};

/// Owns the loader and the instance; one for a process. Lanes borrow it.
/// Threads: any, once it stands.
class VulkanInstance {
public:
    /// Opens the loader (25 to 220 ms). Where there is none, or no driver, devices() is empty and reason() says why.
    /// Errors: UnavailableError if the validation layer is asked for and missing.
    explicit VulkanInstance(const InstanceOptions& options);
    ~VulkanInstance();

    const std::vector<DeviceDescription>& devices() const { return devices_; }
    const std::string& reason() const { return reason_; }  ///< why devices() is empty
    const InstanceOptions& options() const { return options_; }
    /// Warnings and errors of the validation layer so far.
    std::vector<std::string> validation_messages() const;

    struct Handles;  ///< see handles.hpp: for this folder alone
    Handles& handles() const { return *handles_; }

private:
    /// A device that does not answer is left out.
    void describe_devices();

    InstanceOptions options_;
    std::string reason_;
    std::unique_ptr<Handles> handles_;
    std::vector<DeviceDescription> devices_;
};

}  // namespace maniple
