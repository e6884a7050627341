// lanes/check/check_kernel.hpp: the property test that holds a kernel to what its signature declares.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lanes/check/kernel_runner.hpp"

namespace maniple {

enum class Property {
    operations,    ///< declares the operations that its body has
    described,     ///< is what the registry and the runners need: a reference, a runner for every combination
    runs,          ///< no runner reports an error; the reference meets no access outside of the declared boxes
    write_box,     ///< no byte outside of the declared write box is changed
    read_box,      ///< no byte outside of the declared read boxes has an influence
    writes_all,    ///< every element of the write box is written
    reads_output,  ///< what stands in outputs and states before has no influence
    reference,     ///< agrees with the `checked` variant
    order,         ///< runners that keep the order of folds agree bit for bit
    boxes,         ///< computed by boxes it is what it is as a whole
};

/// "reads outside of the declared boxes": what a kernel does that lacks the property.
std::string_view fault_name(Property property);

struct CheckFailure {
    Property property = Property::runs;
    std::string types;  ///< "f32->f32"; empty: all
    std::string lane;   ///< a runner's name; empty: all
    std::string where;  ///< shapes, parameters, the box
    std::string what;   ///< the first element that differs
};

struct KernelCheck {
    std::string kernel;
    std::size_t types = 0;
    std::vector<std::string> lanes;  ///< those that ran a case
    std::int64_t cases = 0;
    std::vector<CheckFailure> failures;  ///< the first one of each combination and lane
};

struct CheckSettings {
    std::uint64_t seed = 1;
    int cases = 12;  ///< samples for each combination of types, on each lane; 8 meet every boundary and odd shape
};

/// Holds every type combination of `kernel` to its signature on every one of `runners` that can run it: on small random
/// shapes, with memory in which only what is declared has its values. The same for the same seed.
KernelCheck check_kernel(const Kernel& kernel, std::span<const std::unique_ptr<KernelRunner>> runners,
                         const CheckSettings& settings);

/// "f32,f32->bool"
std::string types_text(const KernelTypes& types);

}  // namespace maniple
