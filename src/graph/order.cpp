#include "graph/order.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <string>

namespace maniple {

namespace {

using Entries = std::map<std::string, std::size_t>;

/// Entries that `expression` names, in order of occurrence. Depth is bounded by the parser.
void collect_names(const Expression& expression, const Entries& entries, std::vector<std::size_t>& out) {
    if (expression.kind == Expression::Kind::name) {
        const auto found = entries.find(expression.name);
        if (found != entries.end()) out.push_back(found->second);
    }
    for (const Expression& argument : expression.arguments) collect_names(argument, entries, out);
}

/// Follows unordered dependencies from one entry that could not be ordered until one comes twice.
[[noreturn]] void report_cycle(const Job& job, const std::vector<std::vector<std::size_t>>& needs,
                               const std::vector<bool>& ordered, std::size_t start) {
    std::vector<std::size_t> path;
    std::size_t at = start;
    while (std::find(path.begin(), path.end(), at) == path.end()) {
        path.push_back(at);
        at = *std::find_if(needs[at].begin(), needs[at].end(), [&](std::size_t need) { return !ordered[need]; });
    }
    path.erase(path.begin(), std::find(path.begin(), path.end(), at));
    Diagnostic diagnostic;
    std::string text;
    for (const std::size_t entry : path) {
        text += job.graph[entry].names[0] + " -> ";
        diagnostic.notes.push_back(
            {job.graph[entry].name_places[0], "'" + job.graph[entry].names[0] + "' is on the cycle"});
    }
    diagnostic.place = job.graph[path[0]].name_places[0];
    diagnostic.message = "the graph has a cycle: " + text + job.graph[path[0]].names[0];
    diagnostic.notes.erase(diagnostic.notes.begin());
    throw JobError(std::vector<Diagnostic>{diagnostic});
}

}  // namespace

std::vector<std::size_t> order_entries(const Job& job) {
    Entries entries;
    for (std::size_t i = 0; i < job.graph.size(); ++i) {
        for (const std::string& name : job.graph[i].names) entries[name] = i;
    }
    std::vector<std::vector<std::size_t>> needs(job.graph.size());
    std::vector<std::vector<std::size_t>> needed_by(job.graph.size());
    std::vector<std::size_t> open(job.graph.size());
    for (std::size_t i = 0; i < job.graph.size(); ++i) { collect_names(job.graph[i].expression, entries, needs[i]); }
    for (const NameList& list : job.after) {
        const auto entry = entries.find(list.name);
        for (const std::string& name : list.after) {
            const auto before = entries.find(name);
            // In a job with other errors a name may be missing.
            if (entry != entries.end() && before != entries.end()) needs[entry->second].push_back(before->second);
        }
    }
    for (std::size_t i = 0; i < job.graph.size(); ++i) {
        open[i] = needs[i].size();
        for (const std::size_t need : needs[i]) needed_by[need].push_back(i);
    }
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < open.size(); ++i) {
        if (open[i] == 0) ready.push(i);
    }
    std::vector<std::size_t> order;
    std::vector<bool> ordered(job.graph.size(), false);
    while (!ready.empty()) {
        const std::size_t entry = ready.top();
        ready.pop();
        order.push_back(entry);
        ordered[entry] = true;
        for (const std::size_t dependent : needed_by[entry]) {
            if (--open[dependent] == 0) ready.push(dependent);
        }
    }
    if (order.size() != job.graph.size()) {
        const auto stuck = std::find(ordered.begin(), ordered.end(), false);
        report_cycle(job, needs, ordered, static_cast<std::size_t>(stuck - ordered.begin()));
    }
    return order;
}

}  // namespace maniple
