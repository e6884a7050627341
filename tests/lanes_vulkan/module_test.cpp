// Shaders before a driver sees them; damaged ones; what is kept on disk.
#include "lanes/vulkan/module.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.hpp"
#include "kernel/kernel.hpp"
#include "lanes/vulkan/cache_file.hpp"
#include "lanes/vulkan/handles.hpp"

namespace maniple {
namespace {

std::vector<std::uint32_t> words_of(const maniple_shader& shader) {
    return {shader.words, shader.words + shader.count};
}

maniple_shader shader_of(const std::vector<std::uint32_t>& words) {
    const auto count = static_cast<std::int64_t>(words.size());
    return {words.data(), count, hash_of(words.data(), count)};
}

const maniple_gpu_variant& first_variant(const KernelRegistry& registry, const std::string& kernel) {
    return *registry.find(kernel)->gpu_variant(0);
}

TEST(PrepareModule, TakesEveryShaderOfTheStandardKernels) {
    const KernelRegistry registry(standard_kernels());
    DeviceDescription keeps;
    keeps.keeps_denormals = keeps.keeps_denormals_f64 = true;
    int count = 0;
    for (const Kernel& kernel : registry.all()) {
        for (std::size_t types = 0; types < kernel.types.size(); ++types) {
            const maniple_gpu_variant* variant = kernel.gpu_variant(types);
            if (variant == nullptr) continue;
            for (const maniple_shader* shader :
                 {&variant->compute, &variant->accumulate, &variant->merge, &variant->finish}) {
                if (shader->words == nullptr) continue;
                EXPECT_EQ(prepare_module(*shader, MANIPLE_MAX_GPU_TENSORS, {}, kernel.name), words_of(*shader));
                EXPECT_GT(prepare_module(*shader, MANIPLE_MAX_GPU_TENSORS, keeps, kernel.name).size(),
                          static_cast<std::size_t>(shader->count));
                ++count;
            }
        }
    }
    EXPECT_GT(count, 50);
}

TEST(PrepareModule, RefusesADamagedOneByTheKernelsName) {
    const KernelRegistry registry(standard_kernels());
    maniple_shader shader = first_variant(registry, "heat_step").compute;
    shader.hash ^= 1;
    try {
        prepare_module(shader, 2, {}, "heat_step");
        FAIL();
    } catch (const KernelError& error) { EXPECT_STREQ(error.what(), "the gpu code of heat_step is damaged"); }
}

TEST(WithDenormals, AddsTheExtensionToOldModules) {
    const KernelRegistry registry(standard_kernels());
    std::vector<std::uint32_t> words = words_of(first_variant(registry, "heat_step").compute);
    const std::size_t new_size = with_denormals(words, {32}).size();
    words[1] = 0x00010300;
    EXPECT_GT(with_denormals(words, {32}).size(), new_size);
}

/// In a process of its own: what the driver does with a module that the validator lets pass. False if there is none.
bool give_to_driver(const std::vector<std::uint32_t>& words) {
    const VulkanInstance instance{InstanceOptions{}};
    if (instance.devices().empty()) return false;
    const vk::raii::PhysicalDevice& physical = instance.handles().devices[0];
    const float priority = 1;
    const vk::DeviceQueueCreateInfo queue({}, 0, 1, &priority);
    const vk::raii::Device device(physical, vk::DeviceCreateInfo({}, queue));
    std::vector<vk::DescriptorSetLayoutBinding> bindings;
    for (std::uint32_t i = 0; i < 3; ++i) {
        const auto type = i == 0 ? vk::DescriptorType::eUniformBuffer : vk::DescriptorType::eStorageBuffer;
        bindings.emplace_back(i, type, 1, vk::ShaderStageFlagBits::eCompute);
    }
    const vk::raii::DescriptorSetLayout set(device, vk::DescriptorSetLayoutCreateInfo({}, bindings));
    const vk::DescriptorSetLayout set_layout = *set;
    const vk::raii::PipelineLayout layout(device, vk::PipelineLayoutCreateInfo({}, set_layout));
    try {
        const std::vector<std::uint32_t> prepared =
            prepare_module(shader_of(words), 2, instance.devices()[0], "flipped");
        vk::ShaderModuleCreateInfo info;
        info.setCode(prepared);
        const vk::raii::ShaderModule module(device, info);
        const vk::PipelineShaderStageCreateInfo stage({}, vk::ShaderStageFlagBits::eCompute, *module, "main");
        const vk::raii::Pipeline pipeline(device, nullptr, vk::ComputePipelineCreateInfo({}, stage, *layout));
    } catch (const KernelError&) {
    } catch (const vk::Error&) {}
    return true;
}

/// The exit status of `work` in a process of its own. This one never opens a driver, whose threads a fork would lose.
template <class Work>
int status_apart(Work&& work) {
    const pid_t child = fork();
    if (child == 0) {
        try {
            _exit(work());
        } catch (...) { _exit(99); }
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(PrepareModule, LetsNoFlippedBitCrashTheProcess) {
    const KernelRegistry registry(standard_kernels());
    const std::vector<std::uint32_t> whole = words_of(first_variant(registry, "heat_step").compute);
    if (status_apart([&] { return give_to_driver(whole) ? 0 : 1; }) != 0) GTEST_SKIP() << "no device";
    std::mt19937 random(11);
    int refused = 0;
    for (int turn = 0; turn < 400; ++turn) {
        std::vector<std::uint32_t> words = whole;
        words[random() % words.size()] ^= 1u << random() % 32;
        if (!validate_module(words).empty() || !check_bindings(words, 2).empty()) {
            ++refused;
            EXPECT_THROW(prepare_module(shader_of(words), 2, {}, "flipped"), KernelError);
        } else {
            EXPECT_EQ(status_apart([&] { return give_to_driver(words) ? 0 : 1; }), 0) << "turn " << turn;
        }
    }
    EXPECT_GT(refused, 50);
    RecordProperty("refused", refused);
}

TEST(VulkanInstance, SaysWhyThereIsNoDevice) {
    EXPECT_EQ(status_apart([] {
                  setenv("VK_ICD_FILENAMES", "/nonexistent.json", 1);
                  setenv("VK_DRIVER_FILES", "/nonexistent.json", 1);
                  const VulkanInstance instance{InstanceOptions{}};
                  return instance.devices().empty() && !instance.reason().empty() ? 0 : 1;
              }),
              0);
}

TEST(VulkanInstance, FailsWithoutTheValidationLayerThatWasAskedFor) {
    EXPECT_EQ(status_apart([] {
                  setenv("VK_LAYER_PATH", "/nonexistent", 1);
                  InstanceOptions options;
                  options.validation = true;
                  try {
                      const VulkanInstance instance(options);
                  } catch (const UnavailableError&) { return 0; }
                  return 1;
              }),
              0);
}

TEST(VulkanInstance, LeavesASoftwareDevicesThreadsToTheUser) {
    EXPECT_EQ(status_apart([] {
                  unsetenv("LP_NUM_THREADS");
                  InstanceOptions options;
                  options.software_threads = 3;
                  { const VulkanInstance instance(options); }
                  if (std::string(std::getenv("LP_NUM_THREADS")) != "3") return 1;
                  options.software_threads = 5;
                  { const VulkanInstance instance(options); }
                  return std::string(std::getenv("LP_NUM_THREADS")) == "3" ? 0 : 2;
              }),
              0);
}

TEST(Pretend, KnowsItsWords) {
    EXPECT_TRUE(Pretend::parse("not-unified,small-windows").small_windows);
    EXPECT_TRUE(Pretend::parse("not-coherent").not_unified);
    EXPECT_FALSE(Pretend::parse("").not_unified);
    EXPECT_THROW(Pretend::parse("not-there"), UsageError);
}

class CacheFileTest : public ::testing::Test {
protected:
    void SetUp() override { std::filesystem::remove_all(folder_); }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    const std::string folder_ = ::testing::TempDir() + "maniple_cache_" + std::to_string(getpid());
};

TEST_F(CacheFileTest, GivesBackWhatWasWritten) {
    const CacheFile file(folder_ + "/deeper", "a.bin");
    EXPECT_TRUE(file.read().empty());
    const std::vector<std::uint8_t> bytes{1, 2, 3};
    file.write(bytes);
    EXPECT_EQ(file.read(), bytes);
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/deeper"))
        EXPECT_EQ(entry.path().filename(), "a.bin");
}

TEST_F(CacheFileTest, TakesADamagedFileForNone) {
    const CacheFile file(folder_, "a.bin");
    file.write({1, 2, 3, 4});
    std::filesystem::resize_file(file.path(), 18);
    EXPECT_TRUE(file.read().empty());
    std::ofstream(file.path()) << "anything";
    EXPECT_TRUE(file.read().empty());
}

TEST_F(CacheFileTest, DoesWithoutAFolder) {
    const CacheFile none("", "a.bin");
    none.write({1});
    EXPECT_TRUE(none.read().empty());
    const CacheFile forbidden("/proc/nothing", "a.bin");
    forbidden.write({1});
    EXPECT_TRUE(forbidden.read().empty());
}

TEST(CacheFolder, IsTheFirstThatIsNamed) {
    const char* const own = std::getenv("MANIPLE_CACHE_DIR");
    const std::string kept = own == nullptr ? "" : own;
    setenv("MANIPLE_CACHE_DIR", "/one", 1);
    EXPECT_EQ(cache_folder(), "/one");
    unsetenv("MANIPLE_CACHE_DIR");
    setenv("XDG_CACHE_HOME", "/two", 1);
    EXPECT_EQ(cache_folder(), "/two/maniple");
    unsetenv("XDG_CACHE_HOME");
    if (!kept.empty()) setenv("MANIPLE_CACHE_DIR", kept.c_str(), 1);
}

}  // namespace
}  // namespace maniple
