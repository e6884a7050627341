// bench/harness.hpp: what every bench needs: options, interleaved samples, medians, a table and the JSON file.
#pragma once

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <regex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace maniple::bench {

/// The options that all benches have.
struct Options {
    bool quick = false;     ///< smaller sizes: the whole bench in under 30 s
    std::string json_file;  ///< empty: no file
    std::regex cases;       ///< the rows whose names it is found in
    int threads = 1;        ///< of each rank
    int samples = 9;        ///< of each row

    bool wants(const std::string& name) const { return std::regex_search(name, cases); }
};

/// Reads the options above and those in `more` into `values`. `threads` is by default the number of cores that this
/// process may run on. After --help or a wrong option the process ends, with 0 or 64.
Options read_options(int argc, char** argv, const boost::program_options::options_description& more,
                     boost::program_options::variables_map& values);

/// Errors: boost::program_options::error, which a notifier of an option may throw.
std::regex regex_of(const std::string& option, const std::string& text);

/// The cores that this process may run on.
int available_cores();

/// A median and the order statistics around it that hold the true one with a probability of 95 % or more; with fewer
/// than six samples, the least and the greatest.
struct Interval {
    double median = 0;
    double low = 0;
    double high = 0;
};
/// Requires: at least one sample.
Interval interval_of(std::vector<double> samples);

/// Wall time of a steady clock.
double now_ns();

/// Returns when the other threads of this process have stopped spinning, or after 20 ms: libgomp's team, for one, burns
/// its cores for 4 to 8 ms after a region, and what is timed next would pay for that.
void wait_until_idle();

/// One of the systems that a row compares. `sample` does the work once and returns the figure.
struct Contender {
    std::string name;
    std::function<double()> sample;
};
/// One untimed round, then `samples` rounds in each of which every contender has one turn; each round begins with
/// another one. The figures of each contender, in its order.
std::vector<std::vector<double>> interleave(std::span<const Contender> contenders, int samples);

enum class Better { lower, higher };

/// One line of the table and one of the `rows` of the JSON file.
struct Row {
    std::string name;
    std::string unit;
    Better better = Better::lower;
    Interval ours;
    std::vector<std::pair<std::string, Interval>> rivals;
    int samples = 0;
};

/// The row of these contenders in turn; the first is ours. Lower is better.
Row row_of(const std::string& name, const std::string& unit, std::span<const Contender> contenders, int samples);

/// Prints rows as they come and writes them all at the end. On all but rank 0 of a run it does neither.
class Report {
public:
    Report(std::string bench, const Options& options, bool silent);

    /// What stands under `machine` in the file, besides the facts that the harness knows.
    nlohmann::json& machine() { return machine_; }
    void note(const std::string& text) const;  ///< a line between the rows
    void add(const Row& row);
    /// Errors: std::runtime_error if the file cannot be written.
    void finish() const;

private:
    std::string bench_;
    std::string json_file_;
    bool silent_;
    nlohmann::json machine_;
    nlohmann::json rows_ = nlohmann::json::array();
};

}  // namespace maniple::bench
