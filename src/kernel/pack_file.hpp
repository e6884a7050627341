// kernel/pack_file.hpp: a kernel pack in a shared library, checked before it is opened.
#pragma once

#include <memory>
#include <string>

#include "kernel/abi.hpp"

namespace maniple {

/// Owns the opened library: kernels of its pack live as long as this.
class PackFile {
public:
    /// Opens NAME.so and finds `maniple_pack_NAME` in it. Its code may do whatever this process may, so the file and its
    /// folder must belong to root or to this user, and nobody else may be able to write to them.
    /// Errors: UnavailableError with the reason. Running the library's initialisers cannot be undone.
    explicit PackFile(const std::string& path);

    const maniple_pack& pack() const { return *pack_; }

private:
    struct Close {
        void operator()(void* library) const;
    };
    std::unique_ptr<void, Close> library_;
    const maniple_pack* pack_ = nullptr;
};

}  // namespace maniple
