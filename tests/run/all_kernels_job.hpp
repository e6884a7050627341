// tests/run/all_kernels_job.hpp: random jobs of all standard kernels, with a bound on the error of every value.
//
// Every value carries the largest magnitude that it may have and how far two lanes may be apart in it. Where an entry
// is of kernels that are exact (KernelTypes::exact) and of values without errors, so is the result: it must have the
// same bits on every lane. Else its error is that of what it reads, times a Lipschitz constant that its recipe states,
// plus some units in the last place. Values stay tame: inputs lie in [-1, 1], divisors and logarithms away from 0; what
// grows above 4 or has a coarse error is an output only. What is not continuous (comparisons, argmax, histogram,
// conversion to integers, conditions) reads values without errors alone: else rounding could decide.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// A value of a random job.
struct DrawnValue {
    std::string name;
    Shape shape;
    DType dtype = DType::f32;
    double bound = 0;  ///< its elements lie in [-bound, bound]
    double error = 0;  ///< so far may two lanes differ; 0: the same bits
    bool input = false;
    bool carried = false;  ///< a job with a loop may give it another value
    bool read = false;

    int rank() const { return shape.rank(); }
    std::int64_t count() const { return element_count(shape); }
    bool exact() const { return error == 0; }
    bool real() const { return is_floating(dtype); }
};

struct AllKernelsJob {
    std::string text;
    Catalogue catalogue;
    std::map<std::string, double> errors;                     ///< by name; 0: the same bits
    std::map<std::string, std::pair<double, double>> ranges;  ///< of inputs: from, to
    std::string recipe;                                       ///< the first one
};

/// A job as it grows. Everything follows from the seed.
class AllKernelsWriter {
public:
    using Test = std::function<bool(const DrawnValue&)>;

    AllKernelsWriter(std::uint32_t seed, const KernelRegistry& registry);

    std::int64_t pick(std::int64_t count) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(count));
    }
    bool chance(std::int64_t of) { return pick(of) == 0; }
    std::int64_t extent();
    Shape shape(int least_rank, int most_rank);
    DType real_type() { return chance(3) ? DType::f64 : chance(4) ? DType::f16 : DType::f32; }
    DType any_type() { return static_cast<DType>(pick(dtype_count)); }

    DrawnValue input(const Shape& shape, DType dtype);
    DrawnValue input(const Shape& shape, DType dtype, double low, double high);
    /// Some value that fits, or nothing.
    std::optional<DrawnValue> find(const Test& test);
    /// A tame real value of such a rank; a new input if there is none, and sometimes else.
    DrawnValue real(int least_rank = 0, int most_rank = 4);
    DrawnValue real_of(const Shape& shape, DType dtype);
    /// A value of any type without an error.
    DrawnValue exact(int least_rank = 0, int most_rank = 4, const Test& also = {});
    /// A value that broadcasts with `other`, of the same kind.
    DrawnValue beside(const DrawnValue& other, bool exact);

    /// Adds an entry with one result or several, all with the same bound and error.
    void emit(const std::string& expression, double bound, double lipschitz, double roundings = 64, int results = 1);

    AllKernelsJob finish();

private:
    struct Entry {
        Graph graph;  ///< of this entry alone, all values so far being inputs
        double read_error = 0;
        bool exact = true;
    };
    Entry understand(const std::string& names, const std::vector<std::string>& outputs, const std::string& expression);
    void contract(const DrawnValue& input);
    std::string carries();
    std::string outputs();

    const KernelRegistry& registry_;
    std::mt19937 random_;
    bool loop_;
    std::vector<DrawnValue> values_;
    std::map<std::string, std::pair<double, double>> ranges_;
    std::string inputs_, entries_, loosely_carried_;
};

/// A way to draw one entry or a few.
struct Recipe {
    const char* name;
    void (*add)(AllKernelsWriter&);
};
const std::vector<Recipe>& all_recipes();

/// The same job for the same seed, everywhere. Errors: JobError, with the entry, where a recipe breaks a kernel's rules.
AllKernelsJob all_kernels_job(std::uint32_t seed, const KernelRegistry& registry);

}  // namespace maniple
