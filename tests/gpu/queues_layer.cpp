// A Vulkan layer that gives a device with one queue more of them, as discrete gpus have: a family that only copies, of
// two queues, behind the driver's first family. What is submitted is held back, queue by queue, and handed to the
// driver's queue when all that it waits for has come: late, and in a random order as far as the semaphores allow. So what
// does not wait for what it needs shows as wrong numbers, and under the validation layer, which belongs above this one,
// what a family cannot do is reported. Timeline semaphores only; no vkQueueSubmit2, no sparse binding. With
// MANIPLE_QUEUES_LAYER_FAILS=n the n-th submission to each device fails, with MANIPLE_QUEUES_LAYER_AHEAD=n semaphores are
// said to be n further than they are.
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::uint32_t copy_queues = 2;

/// What a dispatchable handle points to begins with the loader's table, one for all handles of an instance or device.
void* key_of(const void* handle) {
    void* key = nullptr;
    std::memcpy(&key, handle, sizeof key);
    return key;
}

const VkBaseInStructure* find_in_chain(const void* chain, VkStructureType type) {
    const auto* link = static_cast<const VkBaseInStructure*>(chain);
    while (link != nullptr && link->sType != type) link = link->pNext;
    return link;
}

/// What is behind the layer, asked for once: later the loader would name the beginning of the chain.
struct Instance {
    PFN_vkGetInstanceProcAddr get = nullptr;
    PFN_vkDestroyInstance destroy = nullptr;
    PFN_vkGetPhysicalDeviceQueueFamilyProperties families = nullptr;
    PFN_vkCreateDevice create_device = nullptr;
};

/// One VkSubmitInfo, copied.
struct Batch {
    std::vector<VkSemaphore> waits, signals;
    std::vector<std::uint64_t> wait_values, signal_values;
    std::vector<VkPipelineStageFlags> stages;
    std::vector<VkCommandBuffer> commands;
    VkFence fence = VK_NULL_HANDLE;
};

/// A VkQueue: the application's handle points here.
struct Queue {
    void* loader_table = nullptr;
    std::deque<Batch> held;
};

class Device {
public:
    Device(VkDevice handle, PFN_vkGetDeviceProcAddr next, PFN_vkSetDeviceLoaderData set_table)
        : handle_(handle), next_(next), set_table_(set_table),
          counter_(get<PFN_vkGetSemaphoreCounterValue>("vkGetSemaphoreCounterValue")),
          submit_(get<PFN_vkQueueSubmit>("vkQueueSubmit")) {
        get<PFN_vkGetDeviceQueue>("vkGetDeviceQueue")(handle, 0, 0, &driver_queue_);
        set_table_(handle, driver_queue_);
        thread_ = std::thread([this] { hand_on(); });
    }
    ~Device() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    template <class Function>
    Function get(const char* name) const {
        return reinterpret_cast<Function>(next_(handle_, name));
    }

    Queue* queue(std::uint32_t family, std::uint32_t number) {
        const std::lock_guard lock(mutex_);
        std::unique_ptr<Queue>& queue = queues_[{family, number}];
        if (!queue) {
            queue = std::make_unique<Queue>();
            set_table_(handle_, queue.get());
        }
        return queue.get();
    }

    VkResult submit(Queue& queue, std::uint32_t count, const VkSubmitInfo* infos, VkFence fence) {
        const std::lock_guard lock(mutex_);
        if (--submissions_until_failure_ == 0) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
        for (std::uint32_t i = 0; i < count; ++i) queue.held.push_back(copied(infos[i]));
        if (count > 0) queue.held.back().fence = fence;
        changed_.notify_all();
        return VK_SUCCESS;
    }

    /// Until nothing is held back for it, or for any, and the driver is done.
    VkResult wait_idle(const Queue* queue) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] {
            return std::all_of(queues_.begin(), queues_.end(), [&](const auto& one) {
                return (queue != nullptr && one.second.get() != queue) || one.second->held.empty();
            });
        });
        return get<PFN_vkQueueWaitIdle>("vkQueueWaitIdle")(driver_queue_);
    }

    VkResult counter(VkSemaphore semaphore, std::uint64_t* value) const {
        const VkResult result = counter_(handle_, semaphore, value);
        *value += static_cast<std::uint64_t>(ahead_);
        return result;
    }

private:
    static int chosen(const char* variable) {
        const char* const number = std::getenv(variable);
        return number == nullptr ? 0 : std::atoi(number);
    }

    static Batch copied(const VkSubmitInfo& info) {
        Batch batch;
        batch.waits.assign(info.pWaitSemaphores, info.pWaitSemaphores + info.waitSemaphoreCount);
        batch.signals.assign(info.pSignalSemaphores, info.pSignalSemaphores + info.signalSemaphoreCount);
        batch.stages.assign(info.pWaitDstStageMask, info.pWaitDstStageMask + info.waitSemaphoreCount);
        batch.commands.assign(info.pCommandBuffers, info.pCommandBuffers + info.commandBufferCount);
        const auto* values = reinterpret_cast<const VkTimelineSemaphoreSubmitInfo*>(
            find_in_chain(info.pNext, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO));
        if (values == nullptr) return batch;
        batch.wait_values.assign(values->pWaitSemaphoreValues,
                                 values->pWaitSemaphoreValues + values->waitSemaphoreValueCount);
        batch.signal_values.assign(values->pSignalSemaphoreValues,
                                   values->pSignalSemaphoreValues + values->signalSemaphoreValueCount);
        return batch;
    }

    bool may_begin(const Batch& batch) const {
        for (std::size_t i = 0; i < batch.waits.size(); ++i) {
            std::uint64_t value = 0;
            counter_(handle_, batch.waits[i], &value);
            if (value < batch.wait_values[i]) return false;
        }
        return true;
    }

    /// Now and then nothing, though something might be: so that more comes to choose from.
    Queue* choose() {
        std::vector<Queue*> ready;
        for (const auto& [place, queue] : queues_) {
            if (!queue->held.empty() && may_begin(queue->held.front())) ready.push_back(queue.get());
        }
        if (ready.empty() || random_() % 4 == 0) return nullptr;
        return ready[random_() % ready.size()];
    }

    bool holds_any() const {
        return std::any_of(queues_.begin(), queues_.end(), [](const auto& one) { return !one.second->held.empty(); });
    }

    void hand_on() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return stop_ || holds_any(); });
            if (!holds_any()) return;
            if (Queue* const queue = choose()) {
                forward(queue->held.front());
                queue->held.pop_front();
                changed_.notify_all();
            } else {
                lock.unlock();
                std::this_thread::sleep_for(std::chrono::microseconds(30));
                lock.lock();
            }
        }
    }

    void forward(const Batch& batch) {
        VkTimelineSemaphoreSubmitInfo values{};
        values.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO;
        values.waitSemaphoreValueCount = static_cast<std::uint32_t>(batch.wait_values.size());
        values.pWaitSemaphoreValues = batch.wait_values.data();
        values.signalSemaphoreValueCount = static_cast<std::uint32_t>(batch.signal_values.size());
        values.pSignalSemaphoreValues = batch.signal_values.data();
        VkSubmitInfo info{};
        info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
        info.pNext = &values;
        info.waitSemaphoreCount = static_cast<std::uint32_t>(batch.waits.size());
        info.pWaitSemaphores = batch.waits.data();
        info.pWaitDstStageMask = batch.stages.data();
        info.commandBufferCount = static_cast<std::uint32_t>(batch.commands.size());
        info.pCommandBuffers = batch.commands.data();
        info.signalSemaphoreCount = static_cast<std::uint32_t>(batch.signals.size());
        info.pSignalSemaphores = batch.signals.data();
        submit_(driver_queue_, 1, &info, batch.fence);
    }

    VkDevice handle_;
    PFN_vkGetDeviceProcAddr next_;
    PFN_vkSetDeviceLoaderData set_table_;
    PFN_vkGetSemaphoreCounterValue counter_;
    PFN_vkQueueSubmit submit_;
    VkQueue driver_queue_ = VK_NULL_HANDLE;
    std::mutex mutex_;  ///< of all below, and of the driver's queue
    std::condition_variable changed_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::unique_ptr<Queue>> queues_;
    std::minstd_rand random_{7};
    int submissions_until_failure_ = chosen("MANIPLE_QUEUES_LAYER_FAILS");
    const int ahead_ = chosen("MANIPLE_QUEUES_LAYER_AHEAD");
    bool stop_ = false;
    std::thread thread_;
};

std::mutex table_mutex;
std::map<void*, Instance> instances;
std::map<void*, std::unique_ptr<Device>> devices;

Instance instance_of(const void* handle) {
    const std::lock_guard lock(table_mutex);
    return instances.at(key_of(handle));
}

Device& device_of(const void* handle) {
    const std::lock_guard lock(table_mutex);
    return *devices.at(key_of(handle));
}

/// The part of the loader's chain that tells a layer what is behind it.
template <class Info>
Info* find_link(const void* chain, VkStructureType type, VkLayerFunction function) {
    for (const auto* link = find_in_chain(chain, type); link != nullptr; link = find_in_chain(link->pNext, type)) {
        auto* const info = reinterpret_cast<Info*>(const_cast<VkBaseInStructure*>(link));
        if (info->function == function) return info;
    }
    return nullptr;
}

VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo* info, const VkAllocationCallbacks* allocator,
                                               VkInstance* instance) {
    auto* const link = find_link<VkLayerInstanceCreateInfo>(info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO,
                                                            VK_LAYER_LINK_INFO);
    const PFN_vkGetInstanceProcAddr next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    const VkResult result =
        reinterpret_cast<PFN_vkCreateInstance>(next(VK_NULL_HANDLE, "vkCreateInstance"))(info, allocator, instance);
    if (result != VK_SUCCESS) return result;
    const std::lock_guard lock(table_mutex);
    const auto get = [&](const char* name) { return next(*instance, name); };
    instances[key_of(*instance)] = {
        next, reinterpret_cast<PFN_vkDestroyInstance>(get("vkDestroyInstance")),
        reinterpret_cast<PFN_vkGetPhysicalDeviceQueueFamilyProperties>(get("vkGetPhysicalDeviceQueueFamilyProperties")),
        reinterpret_cast<PFN_vkCreateDevice>(get("vkCreateDevice"))};
    return result;
}

VKAPI_ATTR void VKAPI_CALL destroy_instance(VkInstance instance, const VkAllocationCallbacks* allocator) {
    const PFN_vkDestroyInstance destroy = instance_of(instance).destroy;
    {
        const std::lock_guard lock(table_mutex);
        instances.erase(key_of(instance));
    }
    destroy(instance, allocator);
}

VKAPI_ATTR void VKAPI_CALL queue_families(VkPhysicalDevice physical, std::uint32_t* count,
                                          VkQueueFamilyProperties* families) {
    std::uint32_t one = 1;
    VkQueueFamilyProperties first{};
    instance_of(physical).families(physical, &one, &first);
    if (families != nullptr) {
        *count = std::min(*count, 2U);
        VkQueueFamilyProperties copies = first;
        copies.queueFlags = VK_QUEUE_TRANSFER_BIT | VK_QUEUE_SPARSE_BINDING_BIT;
        copies.queueCount = copy_queues;
        if (*count > 0) families[0] = first;
        if (*count > 1) families[1] = copies;
    } else {
        *count = 2;
    }
}

VKAPI_ATTR void VKAPI_CALL queue_families2(VkPhysicalDevice physical, std::uint32_t* count,
                                           VkQueueFamilyProperties2* families) {
    std::vector<VkQueueFamilyProperties> found(families == nullptr ? 0 : *count);
    queue_families(physical, count, families == nullptr ? nullptr : found.data());
    for (std::uint32_t i = 0; families != nullptr && i < *count; ++i) families[i].queueFamilyProperties = found[i];
}

VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo* info,
                                             const VkAllocationCallbacks* allocator, VkDevice* device) {
    constexpr VkStructureType type = VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO;
    auto* const link = find_link<VkLayerDeviceCreateInfo>(info->pNext, type, VK_LAYER_LINK_INFO);
    const auto* const loader = find_link<VkLayerDeviceCreateInfo>(info->pNext, type, VK_LOADER_DATA_CALLBACK);
    const PFN_vkGetDeviceProcAddr next = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    const float priority = 1;
    VkDeviceQueueCreateInfo queue{};
    queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
    queue.queueCount = 1;
    queue.pQueuePriorities = &priority;
    VkDeviceCreateInfo own = *info;
    own.queueCreateInfoCount = 1;
    own.pQueueCreateInfos = &queue;
    const VkResult result = instance_of(physical).create_device(physical, &own, allocator, device);
    if (result != VK_SUCCESS) return result;
    auto made = std::make_unique<Device>(*device, next, loader->u.pfnSetDeviceLoaderData);
    const std::lock_guard lock(table_mutex);
    devices[key_of(*device)] = std::move(made);
    return result;
}

VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice device, const VkAllocationCallbacks* allocator) {
    if (device == VK_NULL_HANDLE) return;
    std::unique_ptr<Device> own;
    {
        const std::lock_guard lock(table_mutex);
        const auto found = devices.find(key_of(device));
        own = std::move(found->second);
        devices.erase(found);
    }
    const auto destroy = own->get<PFN_vkDestroyDevice>("vkDestroyDevice");
    own.reset();
    destroy(device, allocator);
}

VKAPI_ATTR void VKAPI_CALL get_queue(VkDevice device, std::uint32_t family, std::uint32_t number, VkQueue* queue) {
    *queue = reinterpret_cast<VkQueue>(device_of(device).queue(family, number));
}

VKAPI_ATTR VkResult VKAPI_CALL queue_submit(VkQueue queue, std::uint32_t count, const VkSubmitInfo* infos,
                                            VkFence fence) {
    return device_of(queue).submit(*reinterpret_cast<Queue*>(queue), count, infos, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL queue_wait_idle(VkQueue queue) {
    return device_of(queue).wait_idle(reinterpret_cast<Queue*>(queue));
}

VKAPI_ATTR VkResult VKAPI_CALL get_counter(VkDevice device, VkSemaphore semaphore, std::uint64_t* value) {
    return device_of(device).counter(semaphore, value);
}

VKAPI_ATTR VkResult VKAPI_CALL device_wait_idle(VkDevice device) { return device_of(device).wait_idle(nullptr); }

/// The driver knows its one family only.
VKAPI_ATTR VkResult VKAPI_CALL create_pool(VkDevice device, const VkCommandPoolCreateInfo* info,
                                           const VkAllocationCallbacks* allocator, VkCommandPool* pool) {
    VkCommandPoolCreateInfo own = *info;
    own.queueFamilyIndex = 0;
    return device_of(device).get<PFN_vkCreateCommandPool>("vkCreateCommandPool")(device, &own, allocator, pool);
}

VKAPI_ATTR VkResult VKAPI_CALL create_buffer(VkDevice device, const VkBufferCreateInfo* info,
                                             const VkAllocationCallbacks* allocator, VkBuffer* buffer) {
    VkBufferCreateInfo own = *info;
    own.sharingMode = VK_SHARING_MODE_EXCLUSIVE;
    own.queueFamilyIndexCount = 0;
    return device_of(device).get<PFN_vkCreateBuffer>("vkCreateBuffer")(device, &own, allocator, buffer);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_function(VkDevice device, const char* name);
VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_function(VkInstance instance, const char* name);

template <class Function>
PFN_vkVoidFunction as_function(Function function) {
    return reinterpret_cast<PFN_vkVoidFunction>(function);
}

PFN_vkVoidFunction own_function(const std::string& name) {
    static const std::map<std::string, PFN_vkVoidFunction> functions = {
        {"vkGetInstanceProcAddr", as_function(get_instance_function)},
        {"vkGetDeviceProcAddr", as_function(get_device_function)},
        {"vkCreateInstance", as_function(create_instance)},
        {"vkDestroyInstance", as_function(destroy_instance)},
        {"vkGetPhysicalDeviceQueueFamilyProperties", as_function(queue_families)},
        {"vkGetPhysicalDeviceQueueFamilyProperties2", as_function(queue_families2)},
        {"vkCreateDevice", as_function(create_device)},
        {"vkDestroyDevice", as_function(destroy_device)},
        {"vkGetDeviceQueue", as_function(get_queue)},
        {"vkQueueSubmit", as_function(queue_submit)},
        {"vkQueueWaitIdle", as_function(queue_wait_idle)},
        {"vkDeviceWaitIdle", as_function(device_wait_idle)},
        {"vkGetSemaphoreCounterValue", as_function(get_counter)},
        {"vkCreateCommandPool", as_function(create_pool)},
        {"vkCreateBuffer", as_function(create_buffer)},
    };
    const auto found = functions.find(name);
    return found == functions.end() ? nullptr : found->second;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_function(VkDevice device, const char* name) {
    if (const PFN_vkVoidFunction own = own_function(name)) return own;
    return device == VK_NULL_HANDLE ? nullptr : device_of(device).get<PFN_vkVoidFunction>(name);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_function(VkInstance instance, const char* name) {
    if (const PFN_vkVoidFunction own = own_function(name)) return own;
    return instance == VK_NULL_HANDLE ? nullptr : instance_of(instance).get(instance, name);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface* interface) {
    interface->loaderLayerInterfaceVersion = std::min(interface->loaderLayerInterfaceVersion, 2U);
    interface->pfnGetInstanceProcAddr = get_instance_function;
    interface->pfnGetDeviceProcAddr = get_device_function;
    interface->pfnGetPhysicalDeviceProcAddr = nullptr;
    return VK_SUCCESS;
}
