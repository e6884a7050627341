// lanes/check/sample_check.hpp: one sample on one runner after the other.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lanes/check/check_kernel.hpp"
#include "lanes/check/cut.hpp"
#include "lanes/check/sample.hpp"

namespace maniple {

/// Borrows the sample and the runner of the reference.
class SampleCheck {
public:
    /// Without `subnormals` results below the smallest normal number are equal.
    SampleCheck(const Sample& sample, KernelRunner& reference, std::uint64_t seed, bool subnormals = true);

    /// Computes what the others are compared with.
    std::optional<CheckFailure> prepare();
    /// Holds `runner` to every property; the first that it lacks. Requires: prepare() found nothing.
    std::optional<CheckFailure> check(KernelRunner& runner);

private:
    enum class Agreement { bits, value, tolerance };
    struct Difference {
        std::size_t output = 0;
        Extents at;
        std::string text;
    };

    std::optional<CheckFailure> check_parts(KernelRunner& runner, const std::vector<SampleCut>& cuts,
                                            std::vector<Field>& results);
    std::optional<CheckFailure> check_part(KernelRunner& runner, const SampleCut& cut, std::vector<Field>& results);
    std::optional<CheckFailure> check_boxes(KernelRunner& runner, const std::vector<Field>& whole, bool contracted);
    CheckFailure blame_outputs(const std::vector<Field>& first, const std::vector<Field>& first_before,
                               const std::vector<Field>& second, const std::vector<Field>& second_before,
                               const std::string& box) const;
    std::optional<std::string> compute_reference(const std::vector<Field>& values, std::vector<Field>& results);
    void measure_scales();
    std::optional<Difference> difference(const std::vector<Field>& found, const std::vector<Field>& expected,
                                         Agreement agreement);
    bool agrees(Agreement agreement, std::size_t output, const std::byte* found, const std::byte* expected,
                std::size_t element) const;
    CheckFailure failure(Property property, std::string what, const std::string& box = {}) const;
    std::vector<Field> whole_outputs() const;

    const Sample& sample_;
    const KernelTypes& types_;
    KernelRunner& reference_;
    std::uint64_t seed_;
    bool subnormals_;
    std::vector<Field> expected_;  ///< by the reference
    std::vector<Field> ordered_;   ///< by the first runner that keeps the order of folds
    std::string ordered_name_;
    std::vector<std::vector<double>> scales_;  ///< of a fold within a tolerance: magnitudes that may cancel, by element
};

}  // namespace maniple
