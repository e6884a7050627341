#include "vulkan_devices.hpp"

#include <map>
#include <memory>

namespace maniple {

namespace {

std::map<std::string, std::unique_ptr<VulkanInstance>>& instances() {
    static std::map<std::string, std::unique_ptr<VulkanInstance>> all;
    return all;
}

/// The layer has nothing to say about anything that the tests of this program do.
class SilentLayer : public ::testing::Environment {
public:
    void TearDown() override {
        for (const auto& [pretend, instance] : instances()) {
            for (const std::string& message : instance->validation_messages())
                ADD_FAILURE() << "validation, pretending '" << pretend << "': " << message;
        }
        instances().clear();
    }
};

const ::testing::Environment* const registered = ::testing::AddGlobalTestEnvironment(new SilentLayer);

}  // namespace

VulkanInstance& instance_for(const std::string& pretend) {
    std::unique_ptr<VulkanInstance>& instance = instances()[pretend];
    if (!instance) {
        InstanceOptions options;
        options.software_threads = 2;
        options.validation = true;
        options.pretend = Pretend::parse(pretend);
        instance = std::make_unique<VulkanInstance>(options);
    }
    return *instance;
}

}  // namespace maniple
