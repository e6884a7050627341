#include "lanes/check/sample_check.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lanes/check/part_memory.hpp"

namespace maniple {

namespace {

/// Turns of other signs and zeros that find out how large a fold's terms are.
constexpr int perturbations = 9;

void assemble(const std::vector<Field>& part, std::vector<Field>& whole) {
    for (std::size_t i = 0; i < part.size(); ++i) {
        if (!part[i].box.empty()) copy_box(part[i].block(), part[i].box, whole[i].block(), part[i].box);
    }
}

std::string box_text(const Sample& sample, const SampleCut& cut) {
    const bool whole = cut.points.size() == 1 && cut.points[0] == sample.operation.bound->index_space();
    if (whole) return {};
    std::string text = ", points " + to_string(cut.points[0]);
    if (cut.points.size() > 1) text += " … " + to_string(cut.points.back());
    return text;
}

}  // namespace

SampleCheck::SampleCheck(const Sample& sample, KernelRunner& reference, std::uint64_t seed, bool subnormals)
    : sample_(sample), types_(sample.operation.kernel->types[sample.operation.types]), reference_(reference),
      seed_(seed), subnormals_(subnormals) {}

std::optional<CheckFailure> SampleCheck::prepare() {
    if (const auto error = compute_reference(sample_.values, expected_)) {
        CheckFailure found = failure(Property::runs, *error);
        found.lane = reference_.name();
        return found;
    }
    return std::nullopt;
}

std::optional<std::string> SampleCheck::compute_reference(const std::vector<Field>& values,
                                                          std::vector<Field>& results) {
    Random random(seed_);
    const SampleCut cut = whole_cut(sample_.operation);
    PartMemory memory(sample_, cut, true, random);
    memory.fill(values, Pattern::first, Pattern::first);
    const auto error = reference_.run(sample_.operation, memory.tasks());
    results = memory.outputs();
    return error;
}

std::optional<CheckFailure> SampleCheck::check(KernelRunner& runner) {
    const Kernel& kernel = *sample_.operation.kernel;
    std::vector<Field> whole = whole_outputs();
    if (auto found = check_parts(runner, {whole_cut(sample_.operation)}, whole)) return found;
    const bool bits = runner.has_reference_bits(kernel, sample_.operation.types);
    const Agreement agreement = !bits ? Agreement::tolerance : kernel.is_fold() ? Agreement::value : Agreement::bits;
    if (const auto apart = difference(whole, expected_, agreement))
        return failure(Property::reference, apart->text + " by " + reference_.name());
    if (runner.keeps_order() && ordered_.empty()) {
        ordered_ = whole;
        ordered_name_ = runner.name();
    } else if (runner.keeps_order()) {
        if (const auto apart = difference(whole, ordered_, Agreement::bits))
            return failure(Property::order, apart->text + " by " + ordered_name_);
    }
    if (auto found = check_boxes(runner, whole, false)) return found;
    return kernel.is_fold() ? check_boxes(runner, whole, true) : std::nullopt;
}

std::optional<CheckFailure> SampleCheck::check_boxes(KernelRunner& runner, const std::vector<Field>& whole,
                                                     bool contracted) {
    Random random(seed_ + (contracted ? 2 : 1));
    const std::vector<SampleCut> cuts = random_cuts(sample_.operation, contracted, random);
    std::vector<Field> results = whole_outputs();
    if (auto found = check_parts(runner, cuts, results)) return found;
    const bool fold = sample_.operation.kernel->is_fold();
    const bool same_order = !fold || (runner.keeps_order() && !contracted);
    const Agreement agreement = same_order ? Agreement::bits : types_.exact ? Agreement::value : Agreement::tolerance;
    const auto apart = difference(results, whole, agreement);
    if (!apart) return std::nullopt;
    for (const SampleCut& cut : cuts) {
        const Box box =
            touched_box(sample_.operation.bound->writes[apart->output], cut.kept, sample_.outputs[apart->output]);
        if (box.rank() == 0 ||
            box.contains(Box(apart->at, shifted(Box(apart->at, apart->at), Extents(box.rank(), 1)).hi)))
            return failure(Property::boxes, apart->text + " as a whole", box_text(sample_, cut));
    }
    return failure(Property::boxes, apart->text + " as a whole");
}

std::optional<CheckFailure> SampleCheck::check_parts(KernelRunner& runner, const std::vector<SampleCut>& cuts,
                                                     std::vector<Field>& results) {
    for (const SampleCut& cut : cuts) {
        if (auto found = check_part(runner, cut, results)) return found;
    }
    return std::nullopt;
}

std::optional<CheckFailure> SampleCheck::check_part(KernelRunner& runner, const SampleCut& cut,
                                                    std::vector<Field>& results) {
    Random random(seed_ + 3);
    PartMemory memory(sample_, cut, sample_.dense, random);
    const std::string box = box_text(sample_, cut);
    std::vector<std::vector<Field>> found;
    std::vector<std::vector<Field>> before;
    constexpr std::pair<Pattern, Pattern> patterns[] = {
        {Pattern::first, Pattern::first}, {Pattern::second, Pattern::first}, {Pattern::first, Pattern::second}};
    for (const auto& [around, written] : patterns) {
        memory.fill(sample_.values, around, written);
        if (const auto error = runner.run(sample_.operation, memory.tasks()))
            return failure(Property::runs, *error, box);
        if (const auto name = memory.changed_outside())
            return failure(Property::write_box, "bytes of " + *name + " that are not its to write are changed", box);
        found.push_back(memory.outputs());
        before.push_back(memory.outputs_before());
    }
    if (const auto apart = difference(found[0], found[1], Agreement::bits))
        return failure(Property::read_box, apart->text + " with other bytes outside of what it declares to read", box);
    if (difference(found[0], found[2], Agreement::bits))
        return blame_outputs(found[0], before[0], found[2], before[2], box);
    assemble(found[0], results);
    return std::nullopt;
}

/// Two runs that differ in what stood in the outputs before: elements that are still that were not written.
CheckFailure SampleCheck::blame_outputs(const std::vector<Field>& first, const std::vector<Field>& first_before,
                                        const std::vector<Field>& second, const std::vector<Field>& second_before,
                                        const std::string& box) const {
    const std::vector<std::string> names = sample_.operation.kernel->signature.output_names();
    std::optional<CheckFailure> unwritten;
    for (std::size_t i = 0; i < first.size(); ++i) {
        const std::size_t size = size_of(first[i].dtype);
        for_each_coordinate(first[i].box, [&](const Extents& at) {
            const std::byte* const a = first[i].block().at(at);
            const std::byte* const b = second[i].block().at(at);
            if (std::memcmp(a, b, size) == 0) return;
            const bool untouched = std::memcmp(a, first_before[i].block().at(at), size) == 0 &&
                                   std::memcmp(b, second_before[i].block().at(at), size) == 0;
            const std::string element = names[i] + to_string(at);
            if (untouched && !unwritten) unwritten = failure(Property::writes_all, element + " is not written", box);
            if (untouched || (unwritten && unwritten->property == Property::reads_output)) return;
            unwritten = failure(Property::reads_output,
                                element + " depends on what stood in the outputs or states before", box);
        });
    }
    return unwritten ? *unwritten : failure(Property::reads_output, "NaNs of different bits", box);
}

void SampleCheck::measure_scales() {
    for (const Field& field : expected_) scales_.emplace_back(static_cast<std::size_t>(field.box.volume()), 0.0);
    if (!sample_.operation.kernel->is_fold()) return;
    Random random(seed_ + 4);
    for (int kind = 0; kind < perturbations; ++kind) {
        std::vector<Field> values = sample_.values;
        for (Field& field : values) {
            const std::size_t size = size_of(field.dtype);
            for (std::size_t at = 0; at < field.bytes.size(); at += size)
                perturb(field.dtype, kind, random, field.bytes.data() + at);
        }
        std::vector<Field> results;
        compute_reference(values, results);
        for (std::size_t i = 0; i < results.size(); ++i) {
            for (std::size_t k = 0; k < scales_[i].size(); ++k) {
                const DType type = results[i].dtype;
                const double size = std::abs(value_of(type, results[i].bytes.data() + k * size_of(type)));
                if (std::isfinite(size)) scales_[i][k] = std::max(scales_[i][k], size);
            }
        }
    }
}

bool SampleCheck::agrees(Agreement agreement, std::size_t output, const std::byte* found, const std::byte* expected,
                         std::size_t element) const {
    const DType type = types_.outputs[output];
    if (!subnormals_ && is_subnormal(type, found) && is_subnormal(type, expected)) return true;
    if (agreement == Agreement::bits) return same_bits(type, found, expected);
    if (agreement == Agreement::value) return same_value(type, found, expected);
    return nearly_same(type, found, expected, scales_[output][element], types_.tolerance);
}

std::optional<SampleCheck::Difference> SampleCheck::difference(const std::vector<Field>& found,
                                                               const std::vector<Field>& expected,
                                                               Agreement agreement) {
    if (agreement == Agreement::tolerance && scales_.empty()) measure_scales();
    const std::vector<std::string> names = sample_.operation.kernel->signature.output_names();
    for (std::size_t i = 0; i < found.size(); ++i) {
        const DType type = found[i].dtype;
        std::optional<Difference> first;
        std::size_t element = 0;
        for_each_coordinate(found[i].box, [&](const Extents& at) {
            const std::byte* const a = found[i].bytes.data() + element * size_of(type);
            const std::byte* const b = expected[i].bytes.data() + element * size_of(type);
            if (!first && !agrees(agreement, i, a, b, element)) {
                first = Difference{
                    i, at,
                    names[i] + to_string(at) + " is " + element_text(type, a) + ", but " + element_text(type, b)};
            }
            ++element;
        });
        if (first) return first;
    }
    return std::nullopt;
}

CheckFailure SampleCheck::failure(Property property, std::string what, const std::string& box) const {
    return {property, types_text(types_), "", sample_.text() + box, std::move(what)};
}

std::vector<Field> SampleCheck::whole_outputs() const {
    std::vector<Field> fields;
    for (std::size_t i = 0; i < sample_.outputs.size(); ++i)
        fields.emplace_back(Box::whole(sample_.outputs[i]), types_.outputs[i]);
    return fields;
}

}  // namespace maniple
