// job/job.hpp: the job file as values with positions: what the user wrote, before anything is looked up.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "job/expression.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// A number as YAML or `--set` gave it.
struct Number {
    bool is_integer = true;
    std::int64_t integer = 0;
    double real = 0;  ///< always set

    bool operator==(const Number&) const = default;
};

/// `h5py` basic slicing of one axis: an integer, or start:stop:step (absent: nullopt), or `...`.
struct SliceItem {
    enum class Kind { index, range, ellipsis };
    Kind kind = Kind::range;
    std::int64_t index = 0;
    std::optional<std::int64_t> start, stop, step;
};

/// FILE:/DATASET, with an optional slice.
struct FileReference {
    std::string file;     ///< as written
    std::string path;     ///< resolved against the job file's folder; absolute or relative to the current folder
    std::string dataset;  ///< absolute: "/elevation"
    std::vector<SliceItem> slice;
    Place place;
};

/// A generated input or parameter: a number, iota, uniform, normal, he_normal.
struct Fill {
    enum class Kind { number, iota, uniform, normal, he_normal };
    Kind kind = Kind::number;
    Number value;
    std::uint64_t seed = 0;
    double low = 0, high = 1;  ///< uniform
    double mean = 0, std = 1;  ///< normal
    Place place;
};

/// An extent or count: a plain integer, or the name of an integer constant (already replaced by its value).
struct InputSpec {
    std::string name;
    std::optional<FileReference> from;  ///< either this
    std::optional<Fill> fill;           ///< or this
    std::optional<std::vector<std::int64_t>> shape;
    std::optional<DType> dtype;
    std::string sha256;
    bool mask_fill = false;       ///< `mask: fill`: elements equal to _FillValue or missing_value are read as NaN
    bool allow_external = false;  ///< `allow: [external]`: data may lie in other files than the one that is named
    Place place;                  ///< of the name
    Place shape_place;            ///< of the value of `shape`
    Place dtype_place;
    Place sha256_place;
    Place mask_place;
};

struct GraphEntry {
    std::vector<std::string> names;  ///< several for a kernel with several outputs
    std::vector<Place> name_places;
    Expression expression;
};

/// The value of one attribute of an output.
using AttributeValue =
    std::variant<std::string, std::int64_t, double, bool, std::vector<std::int64_t>, std::vector<double>>;

struct OutputSpec {
    std::string name;               ///< of the graph or an input
    FileReference to;               ///< never with a slice
    std::optional<int> gzip_level;  ///< `compression: gzip 4`
    std::vector<std::pair<std::string, AttributeValue>> attributes;
    std::optional<std::int64_t> every;  ///< steps
    Place place;                        ///< of the name
    Place every_place;
    Place compression_place;
};

struct CarrySpec {
    std::string input;
    std::string value;
    Place input_place;
    Place value_place;
};

struct LoopSpec {
    std::int64_t steps = 1;
    std::int64_t check = 1;
    std::optional<Expression> until;
    std::vector<CarrySpec> carry;
    Place place, steps_place;
};

/// `plan:`. Absent values are nullopt or empty; `strategy` is "auto" by default.
struct PlanSpec {
    std::string strategy = "auto";  ///< data model pipeline stealing auto; "hybrid" for a map of counts
    std::vector<std::pair<std::string, std::int64_t>> hybrid;  ///< {data: 2, pipeline: 4}
    std::optional<std::int64_t> stages, microbatches, buffer_depth, memory_bytes, max_ranks, max_devices;
    std::optional<double> max_time_seconds;
    std::string schedule, lanes, sharing, memory_use, comm, from;
    std::optional<bool> reproducible;
    Place place;
    std::map<std::string, Place> key_places;  ///< of each key that was written
    Place from_place;                         ///< of the value of `from`

    /// Of a key that was written; else no place.
    Place place_of(const std::string& key) const {
        const auto found = key_places.find(key);
        return found == key_places.end() ? Place{} : found->second;
    }
};

struct CheckpointSpec {
    FileReference to;  ///< a file; `dataset` is empty
    std::optional<std::int64_t> every_steps;
    std::optional<double> every_seconds;
    std::int64_t keep = 2;
    Place place;
};

struct ParameterSpec {  ///< `parameters:`: tensors that training changes
    InputSpec input;
};

struct TrainSpec {
    std::vector<std::string> over;
    std::vector<Place> over_places;
    std::string loss;
    Expression optimizer;
    std::int64_t epochs = 1, batch = 1;
    std::optional<std::uint64_t> shuffle;
    Place place, loss_place;
};

struct KernelPackSpec {
    std::string path;  ///< resolved
    std::string sha256;
    Place place;
};

struct NameList {  ///< `after: {b: [c]}`
    std::string name;
    std::vector<std::string> after;
    Place place;
    std::vector<Place> after_places;
};

struct PlaceSpec {  ///< `place: {b: gpu}`
    std::string name;
    std::string lane;           ///< "cpu" or "gpu"
    std::optional<int> device;  ///< gpu:1
    Place place, lane_place;
};

/// The whole job. A pure value; names are not resolved and expressions not typed yet (graph does that), but every
/// key, count, unit and name is well-formed, and every mapping holds known keys only.
struct Job {
    std::string file;  ///< as given on the command line
    std::string text;  ///< the whole file
    std::string name;
    std::string description;
    std::vector<std::pair<std::string, Number>> constants;
    std::map<std::string, Place> constant_places;
    std::vector<std::string> unused_constants;  ///< named by no value of the file
    std::vector<KernelPackSpec> kernels;
    std::vector<InputSpec> inputs;
    std::vector<GraphEntry> graph;
    std::vector<OutputSpec> outputs;
    std::optional<LoopSpec> loop;
    std::vector<ParameterSpec> parameters;
    std::optional<TrainSpec> train;
    std::optional<CheckpointSpec> checkpoint;
    std::vector<NameList> after;
    std::vector<PlaceSpec> places;
    PlanSpec plan;
    Place place;  ///< of the top-level mapping

    const InputSpec* input(std::string_view input_name) const;
};

/// What the command line changes before the file is understood.
struct JobOverrides {
    std::vector<std::pair<std::string, std::string>> set;  ///< --set NAME=VALUE
    std::string plan;                                      ///< --plan PLAN; empty: none
};

/// A job as far as it could be read, and what is wrong with it.
struct JobReading {
    Job job;
    std::vector<Diagnostic> errors;  ///< none: the job is whole
    std::set<std::string> broken;    ///< names whose definitions have errors: what uses them is not wrong itself
    bool names_known = true;         ///< every section that defines names could be read
};

/// Reads and checks a job file's text, keeping what is good beside what is wrong, so that the graph can be looked at
/// too before anything is reported. Pure. Errors: JobError for an error of YAML's own syntax, or very many others;
/// UsageError for an override that fits nothing.
JobReading read_job(std::string_view text, const std::string& file, const JobOverrides& overrides = {});

/// Parses and checks a job file's text. Pure: the same text gives the same Job, or the same errors, anywhere.
/// `file` is its name as given on the command line; paths in it are resolved against its folder.
/// Errors: JobError with every independent error (at most 20); UsageError for an override that fits nothing.
Job parse_job(std::string_view text, const std::string& file, const JobOverrides& overrides = {});

}  // namespace maniple
