#include "lanes/check/check_kernel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lanes/check/sample_check.hpp"

namespace maniple {

namespace {

class KernelChecker {
public:
    KernelChecker(const Kernel& kernel, std::span<const std::unique_ptr<KernelRunner>> runners,
                  const CheckSettings& settings)
        : kernel_(kernel), runners_(runners), settings_(settings) {
        result_.kernel = kernel.name;
        result_.types = kernel.types.size();
    }

    KernelCheck run() {
        check_operations();
        const auto reference = std::find_if(runners_.begin(), runners_.end(), [&](const auto& runner) {
            return runner->name() == "checked" && runner->can_run(kernel_, 0);
        });
        if (reference == runners_.end()) {
            fail(Property::described, "it has no variant 'checked', with which the others are compared");
            return std::move(result_);
        }
        for (std::size_t types = 0; types < kernel_.types.size(); ++types) check_types(types, **reference);
        return std::move(result_);
    }

private:
    void fail(Property property, std::string what) {
        result_.failures.push_back({property, "", "", kernel_.signature.text, std::move(what)});
    }

    void check_operations() {
        const double counted = kernel_.counted_flops_per_point;
        if (counted < 0 || std::abs(kernel_.flops_per_point - counted) <= 0.5) return;
        fail(Property::operations,
             fmt::format("{:g} operations a point are declared, the body has {:g}", kernel_.flops_per_point, counted));
    }

    void check_types(std::size_t types, KernelRunner& reference) {
        std::vector<bool> failed(runners_.size(), false);
        const std::uint64_t seed = mixed(settings_.seed, kernel_.name + " " + types_text(kernel_.types[types]));
        for (int number = 0; number < settings_.cases; ++number) {
            Random random(seed + static_cast<std::uint64_t>(number));
            const Sample sample = make_sample(kernel_, types, number, random);
            const std::uint64_t draws = random.next();
            if (!check_sample(sample, reference, draws, true, failed)) return;
            if (!check_sample(without_subnormals(sample), reference, draws, false, failed)) return;
        }
    }

    /// On the runners that compute with subnormal numbers, or on the others. False if the sample cannot be used.
    bool check_sample(const Sample& sample, KernelRunner& reference, std::uint64_t draws, bool subnormals,
                      std::vector<bool>& failed) {
        const std::size_t types = sample.operation.types;
        const auto takes_part = [&](std::size_t i) {
            return !failed[i] && runners_[i]->keeps_subnormals() == subnormals && runners_[i]->can_run(kernel_, types);
        };
        std::vector<std::size_t> numbers;
        for (std::size_t i = 0; i < runners_.size(); ++i) {
            if (takes_part(i)) numbers.push_back(i);
        }
        if (numbers.empty() && !subnormals) return true;
        SampleCheck check(sample, reference, draws, subnormals);
        if (auto found = check.prepare()) {
            result_.failures.push_back(std::move(*found));
            return false;
        }
        for (const std::size_t i : numbers) failed[i] = !check_on(*runners_[i], check);
        return true;
    }

    bool check_on(KernelRunner& runner, SampleCheck& check) {
        if (std::find(result_.lanes.begin(), result_.lanes.end(), runner.name()) == result_.lanes.end())
            result_.lanes.push_back(runner.name());
        ++result_.cases;
        auto found = check.check(runner);
        if (!found) return true;
        found->lane = runner.name();
        result_.failures.push_back(std::move(*found));
        return false;
    }

    const Kernel& kernel_;
    std::span<const std::unique_ptr<KernelRunner>> runners_;
    const CheckSettings& settings_;
    KernelCheck result_;
};

}  // namespace

std::string_view fault_name(Property property) {
    switch (property) {
        case Property::operations: return "declares a wrong number of operations";
        case Property::described: return "is not described well enough to be checked";
        case Property::runs: return "fails";
        case Property::write_box: return "writes outside of its box";
        case Property::read_box: return "reads outside of the declared boxes";
        case Property::writes_all: return "leaves elements unwritten";
        case Property::reads_output: return "reads what stands in its outputs";
        case Property::reference: return "differs from the reference";
        case Property::order: return "differs from another instruction set";
        case Property::boxes: return "by boxes is not what it is as a whole";
    }
    return "";
}

KernelCheck check_kernel(const Kernel& kernel, std::span<const std::unique_ptr<KernelRunner>> runners,
                         const CheckSettings& settings) {
    return KernelChecker(kernel, runners, settings).run();
}

std::string types_text(const KernelTypes& types) {
    std::string text;
    for (std::size_t i = 0; i < types.inputs.size(); ++i)
        text += (i == 0 ? "" : ",") + std::string(name_of(types.inputs[i]));
    text += "->";
    for (std::size_t i = 0; i < types.outputs.size(); ++i)
        text += (i == 0 ? "" : ",") + std::string(name_of(types.outputs[i]));
    return text;
}

}  // namespace maniple
