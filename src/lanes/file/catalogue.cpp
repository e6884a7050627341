// read_catalogue: the facts of every file input, and every check that needs the file.
#include "job/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <system_error>

#include "lanes/file/files.hpp"
#include "lanes/file/fill_values.hpp"
#include "lanes/file/input_dataset.hpp"
#include "lanes/file/sha256.hpp"
#include "lanes/file/shield.hpp"
#include "lanes/file/slice.hpp"

namespace maniple {
namespace {

/// Reads inputs one after another; a file is opened, and its digest computed, once.
class CatalogueReader {
public:
    InputFacts read(const InputSpec& input) {
        const FileReference& from = *input.from;
        const hdf5::Handle& file = open(from);
        const InputDataset data = open_input_dataset(file, from.path, from.dataset, from.place,
                                                     input.allow_external ? External::allowed : External::refused);
        const Selection selection = select(data.shape, from.slice, from.place);
        InputFacts facts{input.name, selection.shape(), data.dtype, data.chunk, data.shape};
        check_shape(input, facts);
        check_digest(input);
        check_mask(input, data);
        return facts;
    }

private:
    const hdf5::Handle& open(const FileReference& from) {
        auto found = files_.find(from.path);
        if (found == files_.end()) found = files_.emplace(from.path, open_input_file(from.path, from.place)).first;
        return found->second;
    }

    static void check_shape(const InputSpec& input, const InputFacts& facts) {
        if (!input.shape ||
            std::equal(input.shape->begin(), input.shape->end(), facts.shape.begin(), facts.shape.end())) {
            return;
        }
        throw DataError(input.shape_place ? input.shape_place : input.from->place,
                        fmt::format("'{}' of '{}' has the shape {}{}, not [{}]", input.from->dataset, input.from->path,
                                    to_string(facts.shape), input.from->slice.empty() ? "" : " after slicing",
                                    fmt::join(*input.shape, ", ")));
    }

    static void check_mask(const InputSpec& input, const InputDataset& data) {
        if (!input.mask_fill) return;
        if (!input.dtype && !is_floating(data.dtype)) {
            throw JobError(input.mask_place,
                           fmt::format("'mask: fill' makes elements NaN, which {}, the type of '{}', cannot hold: "
                                       "write dtype: f32 or f64",
                                       name_of(data.dtype), input.from->dataset));
        }
        fill_values_of(data.dataset, data.dtype, subject_of(*input.from), input.mask_place);
    }

    void check_digest(const InputSpec& input) {
        if (input.sha256.empty()) return;
        const FileReference& from = *input.from;
        std::string& digest = digests_[from.path];
        try {
            if (digest.empty()) digest = sha256_of_file(from.path);
        } catch (const std::system_error& error) {
            throw DataError(from.place, fmt::format("cannot read '{}': {}", from.path, error.code().message()));
        }
        std::string wanted = input.sha256;
        for (char& digit : wanted) digit = static_cast<char>(std::tolower(static_cast<unsigned char>(digit)));
        if (wanted != digest) {
            throw DataError(input.sha256_place ? input.sha256_place : from.place,
                            fmt::format("the SHA-256 of '{}' is {}, not {}", from.path, digest, wanted));
        }
    }

    std::map<std::string, hdf5::Handle> files_;
    std::map<std::string, std::string> digests_;
};

/// Errors found so far, thrown together.
struct Problems {
    std::vector<Diagnostic> list;
    bool job_is_wrong = false;

    void add(const Error& error) {
        job_is_wrong = job_is_wrong || error.code() == ExitCode::job;
        list.insert(list.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
    void throw_if_any() {
        if (job_is_wrong) throw JobError(std::move(list));
        if (!list.empty()) throw DataError(std::move(list));
    }
};

/// The facts of some inputs, all from one file.
Catalogue read_file(const std::vector<const InputSpec*>& inputs) {
    Catalogue catalogue;
    Problems problems;
    CatalogueReader reader;
    for (const InputSpec* input : inputs) {
        const FileReference& from = *input->from;
        still_working();
        try {
            catalogue.inputs.push_back(reader.read(*input));
        } catch (const Error& error) {
            problems.add(error);
        } catch (const std::exception& error) {  // HDF5's failure, or an absurd size in a damaged file
            problems.add(DataError(from.place, fmt::format("cannot read '{}': {}", from.path, error.what())));
        }
    }
    problems.throw_if_any();
    return catalogue;
}

}  // namespace

Catalogue read_catalogue(const Job& job) {
    hdf5::start();
    const std::vector<const InputSpec*> inputs = file_inputs(job);
    std::map<std::string, std::vector<const InputSpec*>> inputs_of_file;
    for (const InputSpec* input : inputs) inputs_of_file[input->from->path].push_back(input);

    std::map<const InputSpec*, InputFacts> facts;
    Problems problems;
    for (const auto& [path, its_inputs] : inputs_of_file) {
        try {
            const auto read = [&its_inputs = its_inputs] { return serialize(read_file(its_inputs)); };
            const Catalogue part = deserialize_catalogue(shielded(path, its_inputs.front()->from->place, read));
            for (std::size_t i = 0; i < its_inputs.size(); ++i) facts[its_inputs[i]] = part.inputs.at(i);
        } catch (const Error& error) { problems.add(error); }
    }
    std::stable_sort(problems.list.begin(), problems.list.end(),
                     [](const Diagnostic& a, const Diagnostic& b) { return a.place.line < b.place.line; });
    problems.throw_if_any();
    Catalogue catalogue;
    for (const InputSpec* input : inputs) catalogue.inputs.push_back(facts.at(input));
    return catalogue;
}

}  // namespace maniple
