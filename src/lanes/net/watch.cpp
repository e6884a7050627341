#include "lanes/net/watch.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

#include "base/error.hpp"
#include "trace/activity.hpp"

namespace maniple {

namespace {

constexpr auto interval = std::chrono::milliseconds(500);
/// Outside of a run, and inside the file system, ranks may be silent for longer: opening and closing files is slow.
constexpr double patience = 10;

enum Tag : int { report_tag = 1, answer_tag, question_tag, description_tag };

/// What a rank reports, and what rank 0 answers.
struct Report {
    std::int64_t progress = 0;
    std::int32_t running = 0;
    std::int32_t in_file_system = 0;
    std::int32_t leaving = 0;
};

struct RankState {
    Report last;
    std::int64_t heard_ns = 0;
    std::int64_t moved_ns = 0;
};

}  // namespace

struct Watch::State {
    State(const World& the_world, double seconds) : world(the_world), stall_seconds(seconds) {
        ranks.resize(static_cast<std::size_t>(world.size()));
        for (RankState& rank : ranks) rank.heard_ns = rank.moved_ns = now_ns();
    }

    const World& world;
    double stall_seconds;
    std::mutex mutex;
    std::condition_variable changed;
    bool closing = false;          ///< guarded by mutex
    WatchSource source;            ///< guarded by mutex
    std::vector<RankState> ranks;  ///< on rank 0 all, elsewhere only entry 0: what rank 0 answered
    std::thread thread;

    void loop() {
        std::unique_lock lock(mutex);
        while (!closing) {
            changed.wait_for(lock, interval, [&] { return closing; });
            const Report report = describe(closing);
            lock.unlock();
            exchange(report);
            lock.lock();
        }
    }

    Report describe(bool leaving) const {
        Report report;
        report.running = source.progress ? 1 : 0;
        report.progress = source.progress ? source.progress() : 0;
        report.in_file_system = source.in_file_system && source.in_file_system() ? 1 : 0;
        report.leaving = leaving ? 1 : 0;
        return report;
    }

    void exchange(const Report& mine) {
        if (world.is_root()) {
            note(0, mine);
            if (world.size() > 1) receive_all(report_tag);
            for (int rank = 1; rank < world.size(); ++rank) {
                if (!ranks[static_cast<std::size_t>(rank)].last.leaving) send(rank, answer_tag, mine);
            }
            if (!mine.leaving) judge();
        } else {
            if (!ranks[0].last.leaving) send(0, report_tag, mine);
            receive_all(answer_tag);
            answer_question();
            if (!mine.leaving) judge_root();
        }
    }

    /// Small enough to be sent without waiting for the receiver.
    void send(int rank, Tag tag, const Report& report) const {
        MPI_Send(&report, sizeof report, MPI_BYTE, rank, tag, world.watch());
    }

    void receive_all(Tag tag) {
        for (;;) {
            int there = 0;
            MPI_Status status;
            if (MPI_Iprobe(MPI_ANY_SOURCE, tag, world.watch(), &there, &status) != MPI_SUCCESS || !there) return;
            Report report;
            MPI_Recv(&report, sizeof report, MPI_BYTE, status.MPI_SOURCE, tag, world.watch(), MPI_STATUS_IGNORE);
            note(status.MPI_SOURCE, report);
        }
    }

    void note(int rank, const Report& report) {
        RankState& state = ranks[static_cast<std::size_t>(rank)];
        const std::int64_t now = now_ns();
        if (report.progress != state.last.progress || report.running != state.last.running) state.moved_ns = now;
        state.heard_ns = now;
        state.last = report;
    }

    static double seconds_since(std::int64_t then_ns) { return static_cast<double>(now_ns() - then_ns) / 1e9; }

    void judge_root() const {
        if (ranks[0].last.leaving || seconds_since(ranks[0].heard_ns) < stall_seconds * 1.5) return;
        std::fprintf(stderr, "maniple: error: rank %d has not heard of rank 0 for %.0f s: it is lost\n",
                     world.rank().value, seconds_since(ranks[0].heard_ns));
        world.abort(ExitCode::link);
    }

    void judge() {
        double least_idle = 1e300;
        bool patient = false;
        for (int rank = 0; rank < world.size(); ++rank) {
            const RankState& state = ranks[static_cast<std::size_t>(rank)];
            if (state.last.leaving) {
                patient = true;
                continue;
            }
            if (seconds_since(state.heard_ns) > stall_seconds) {
                std::fprintf(stderr, "maniple: error: rank %d has not been heard of for %.0f s: it is lost\n", rank,
                             seconds_since(state.heard_ns));
                world.abort(ExitCode::link);
            }
            least_idle = std::min(least_idle, seconds_since(state.moved_ns));
            patient = patient || state.last.in_file_system || !state.last.running;
        }
        if (least_idle < stall_seconds * (patient ? patience : 1.0)) return;
        report_stall(least_idle);
    }

    void report_stall(double idle_seconds) {
        std::map<int, std::string> texts;
        for (int rank = 1; rank < world.size(); ++rank) send(rank, question_tag, Report{});
        texts[0] = in_flight();
        const std::int64_t asked_ns = now_ns();
        while (static_cast<int>(texts.size()) < world.size() && seconds_since(asked_ns) < 2) {
            collect_descriptions(texts);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        std::fprintf(stderr, "maniple: error: no rank has made progress for %.0f s\n", idle_seconds);
        for (int rank = 0; rank < world.size(); ++rank) {
            std::fprintf(stderr, "  rank %d: %s\n", rank,
                         texts.contains(rank) ? texts[rank].c_str() : "does not answer");
        }
        world.abort(ExitCode::link);
    }

    std::string in_flight() {
        const std::lock_guard lock(mutex);
        return source.in_flight ? source.in_flight() : "not in a run";
    }

    void collect_descriptions(std::map<int, std::string>& texts) const {
        int there = 0;
        MPI_Status status;
        if (MPI_Iprobe(MPI_ANY_SOURCE, description_tag, world.watch(), &there, &status) != MPI_SUCCESS || !there)
            return;
        int size = 0;
        MPI_Get_count(&status, MPI_BYTE, &size);
        std::string text(static_cast<std::size_t>(size), '\0');
        MPI_Recv(text.data(), size, MPI_BYTE, status.MPI_SOURCE, description_tag, world.watch(), MPI_STATUS_IGNORE);
        texts[status.MPI_SOURCE] = text;
    }

    void answer_question() {
        int there = 0;
        MPI_Status status;
        if (MPI_Iprobe(0, question_tag, world.watch(), &there, &status) != MPI_SUCCESS || !there) return;
        Report ignored;
        MPI_Recv(&ignored, sizeof ignored, MPI_BYTE, 0, question_tag, world.watch(), MPI_STATUS_IGNORE);
        const std::string text = in_flight();
        MPI_Send(text.data(), static_cast<int>(text.size()), MPI_BYTE, 0, description_tag, world.watch());
    }
};

Watch::Watch(const World& world, double stall_seconds) : state_(std::make_unique<State>(world, stall_seconds)) {
    state_->thread = std::thread([this] { state_->loop(); });
}

Watch::~Watch() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->closing = true;
    }
    state_->changed.notify_one();
    state_->thread.join();
}

void Watch::observe(WatchSource source) {
    const std::lock_guard lock(state_->mutex);
    state_->source = std::move(source);
}

}  // namespace maniple
