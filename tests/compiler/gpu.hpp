// The least of Vulkan that runs one shader of a kernel at a time, to compare it with the C++ of the same kernel.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel/abi.hpp"

namespace maniple::testing {

/// One device with all features that shaders may need. Owns its handles; one thread at a time.
class Gpu {
public:
    /// The device of this process, opened at the first call; null where there is none.
    static Gpu* get();

    Gpu(const Gpu&) = delete;
    Gpu& operator=(const Gpu&) = delete;
    ~Gpu();

    std::string name() const;
    /// Runs `shader` on `call` in groups of which `groups_x` lie in a row. Every tensor is a window of just its bytes,
    /// and is written back.
    void run(const maniple_shader& shader, const maniple_gpu_call& call, std::uint32_t groups_x,
             const std::vector<std::span<std::byte>>& tensors);

private:
    struct Handles;
    explicit Gpu(std::unique_ptr<Handles> handles);
    std::unique_ptr<Handles> handles_;
};

}  // namespace maniple::testing
