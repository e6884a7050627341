#include "lanes/net/world.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/patience.hpp"
#include "base/text.hpp"

namespace maniple {

void check_mpi(int code, const char* call) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = {};
    int length = 0;
    MPI_Error_string(code, text, &length);
    throw LinkError(std::string(call) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

MpiSession::MpiSession(int* argc, char*** argv) {
    int provided = MPI_THREAD_SINGLE;
    check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_MULTIPLE) {
        MPI_Finalize();
        throw UnavailableError("this MPI library does not provide MPI_THREAD_MULTIPLE");
    }
}

MpiSession::~MpiSession() { MPI_Finalize(); }

namespace {

/// Collective. What MPI waits for in its own calls keeps a core busy, and a rank may have much to do before it comes.
void meet(MPI_Comm communicator) {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibarrier(communicator, &request), "MPI_Ibarrier");
    Patience().until([&] {
        int all_came = 0;
        check_mpi(MPI_Test(&request, &all_came, MPI_STATUS_IGNORE), "MPI_Test");
        return all_came != 0;
    });
}

}  // namespace

void require_threaded_mpi() {
    int initialised = 0, finalised = 0, provided = MPI_THREAD_SINGLE;
    MPI_Initialized(&initialised);
    MPI_Finalized(&finalised);
    if (initialised == 0) throw UnavailableError("MPI is not initialised: call MPI_Init_thread before");
    if (finalised != 0) throw UnavailableError("MPI is finalised already");
    check_mpi(MPI_Query_thread(&provided), "MPI_Query_thread");
    if (provided >= MPI_THREAD_MULTIPLE) return;
    throw UnavailableError("MPI is initialised without MPI_THREAD_MULTIPLE: ask MPI_Init_thread for it");
}

World::World(MPI_Comm communicator) {
    MPI_Comm_rank(communicator, &rank_);
    MPI_Comm_size(communicator, &size_);
    if (size_ == 1) return;
    for (MPI_Comm* copy : {&own_, &data_, &files_, &watch_}) {
        check_mpi(MPI_Comm_dup(communicator, copy), "MPI_Comm_dup");
        MPI_Comm_set_errhandler(*copy, MPI_ERRORS_RETURN);
    }
}

World::~World() {
    if (size_ == 1) return;
    // MPI_Finalize is no barrier: a rank that leaves early would be gone while another's watch still sends to it.
    try {
        meet(own_);
    } catch (const LinkError&) {}  // somebody has been lost: there is nobody to wait for
    for (MPI_Comm* copy : {&own_, &data_, &files_, &watch_}) MPI_Comm_free(copy);
}

void World::abort(ExitCode code) const {
    int initialised = 0;
    MPI_Initialized(&initialised);
    if (initialised != 0) MPI_Abort(size_ == 1 ? MPI_COMM_WORLD : own_, static_cast<int>(code));
    std::fflush(nullptr);
    std::_Exit(static_cast<int>(code));
}

std::string World::broadcast(const std::string& bytes) const {
    if (size_ == 1) return bytes;
    meet(own_);
    std::int64_t size = static_cast<std::int64_t>(bytes.size());
    check_mpi(MPI_Bcast(&size, 1, MPI_INT64_T, 0, own_), "MPI_Bcast");
    std::string result = is_root() ? bytes : std::string(static_cast<std::size_t>(size), '\0');
    check_mpi(MPI_Bcast(result.data(), checked_cast<int>(size), MPI_BYTE, 0, own_), "MPI_Bcast");
    return result;
}

std::vector<std::string> World::gather(const std::string& bytes) const {
    if (size_ == 1) return {bytes};
    meet(own_);
    const int mine = checked_cast<int>(bytes.size());
    std::vector<int> sizes(static_cast<std::size_t>(size_));
    check_mpi(MPI_Allgather(&mine, 1, MPI_INT, sizes.data(), 1, MPI_INT, own_), "MPI_Allgather");
    std::vector<int> offsets(sizes.size());
    std::int64_t total = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        offsets[i] = checked_cast<int>(total);
        total += sizes[i];
    }
    std::string all(static_cast<std::size_t>(total), '\0');
    check_mpi(MPI_Allgatherv(bytes.data(), mine, MPI_BYTE, all.data(), sizes.data(), offsets.data(), MPI_BYTE, own_),
              "MPI_Allgatherv");
    std::vector<std::string> result;
    for (std::size_t i = 0; i < sizes.size(); ++i)
        result.push_back(all.substr(static_cast<std::size_t>(offsets[i]), static_cast<std::size_t>(sizes[i])));
    return result;
}

World::NodePlace World::place_on_node() const {
    if (size_ == 1) return {};
    MPI_Comm node = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(own_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
    NodePlace place;
    check_mpi(MPI_Comm_rank(node, &place.rank), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(node, &place.ranks), "MPI_Comm_size");
    check_mpi(MPI_Comm_free(&node), "MPI_Comm_free");
    return place;
}

std::int64_t World::sum(std::int64_t value) const {
    if (size_ == 1) return value;
    meet(own_);
    std::int64_t result = 0;
    check_mpi(MPI_Allreduce(&value, &result, 1, MPI_INT64_T, MPI_SUM, own_), "MPI_Allreduce");
    return result;
}

namespace {

/// What a rank knows of its own failure, as numbers that a reduction can rank: lower is preferred.
constexpr int no_failure = std::numeric_limits<int>::max();

struct Failure {
    int preference = no_failure;  ///< 0: a failure of its own; 1: caused by another's
    int code = 0;
    std::vector<Diagnostic> diagnostics;
};

Failure describe(const std::exception_ptr& error) {
    Failure failure;
    if (!error) return failure;
    failure.preference = 0;
    failure.code = static_cast<int>(ExitCode::internal);
    try {
        std::rethrow_exception(error);
    } catch (const RemoteFailure& remote) {
        failure.preference = 1;
        failure.code = static_cast<int>(remote.code());
        failure.diagnostics = remote.diagnostics();
    } catch (const Error& known) {
        failure.code = static_cast<int>(known.code());
        failure.diagnostics = known.diagnostics();
    } catch (const std::exception& other) {
        failure.diagnostics.push_back({{}, std::string("internal error: ") + other.what(), {}, {}, false});
    }
    return failure;
}

void put(std::string& bytes, const std::string& text) {
    const std::uint64_t size = text.size();
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes += text;
}

std::string take(const std::string& bytes, std::size_t& at) {
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data() + at, sizeof size);
    at += sizeof size + size;
    return bytes.substr(at - size, size);
}

void put(std::string& bytes, const Place& place) {
    put(bytes, place.file);
    put(bytes, std::to_string(place.line) + " " + std::to_string(place.column) + " " + std::to_string(place.length));
    put(bytes, place.line_text);
}

Place take_place(const std::string& bytes, std::size_t& at) {
    Place place;
    place.file = take(bytes, at);
    std::sscanf(take(bytes, at).c_str(), "%d %d %d", &place.line, &place.column, &place.length);
    place.line_text = take(bytes, at);
    return place;
}

std::string serialize(const std::vector<Diagnostic>& diagnostics) {
    std::string bytes;
    put(bytes, std::to_string(diagnostics.size()));
    for (const Diagnostic& diagnostic : diagnostics) {
        put(bytes, diagnostic.place);
        put(bytes, diagnostic.message);
        put(bytes, diagnostic.suggestion);
        put(bytes, std::to_string(diagnostic.notes.size()));
        for (const Diagnostic::Note& note : diagnostic.notes) {
            put(bytes, note.place);
            put(bytes, note.message);
        }
    }
    return bytes;
}

std::vector<Diagnostic> deserialize(const std::string& bytes) {
    std::size_t at = 0;
    std::vector<Diagnostic> diagnostics(std::stoul(take(bytes, at)));
    for (Diagnostic& diagnostic : diagnostics) {
        diagnostic.place = take_place(bytes, at);
        diagnostic.message = take(bytes, at);
        diagnostic.suggestion = take(bytes, at);
        diagnostic.notes.resize(std::stoul(take(bytes, at)));
        for (Diagnostic::Note& note : diagnostic.notes) {
            note.place = take_place(bytes, at);
            note.message = take(bytes, at);
        }
    }
    return diagnostics;
}

}  // namespace

void World::agree(const std::exception_ptr& error) const {
    if (size_ == 1 && !error) return;
    Failure mine = describe(error);
    if (size_ == 1) throw Error(static_cast<ExitCode>(mine.code), std::move(mine.diagnostics));
    // Least preference first, then the lowest rank: one number for both.
    const std::int64_t key = mine.preference == no_failure ? std::numeric_limits<std::int64_t>::max()
                                                           : static_cast<std::int64_t>(mine.preference) * size_ + rank_;
    std::int64_t first = 0;
    meet(own_);
    check_mpi(MPI_Allreduce(&key, &first, 1, MPI_INT64_T, MPI_MIN, own_), "MPI_Allreduce");
    if (first == std::numeric_limits<std::int64_t>::max()) return;
    const int source = static_cast<int>(first % size_);
    int code = mine.code;
    check_mpi(MPI_Bcast(&code, 1, MPI_INT, source, own_), "MPI_Bcast");
    std::string bytes = serialize(mine.diagnostics);
    std::int64_t size = static_cast<std::int64_t>(bytes.size());
    check_mpi(MPI_Bcast(&size, 1, MPI_INT64_T, source, own_), "MPI_Bcast");
    bytes.resize(static_cast<std::size_t>(size));
    check_mpi(MPI_Bcast(bytes.data(), checked_cast<int>(size), MPI_BYTE, source, own_), "MPI_Bcast");
    std::vector<Diagnostic> diagnostics = deserialize(bytes);
    // What is wrong with a job or a plan all ranks find; what fails while a rank computes is said with that rank.
    if (source != 0 || code == static_cast<int>(ExitCode::internal)) {
        for (Diagnostic& diagnostic : diagnostics) diagnostic.message += " (on rank " + std::to_string(source) + ")";
    }
    throw Error(static_cast<ExitCode>(code), std::move(diagnostics));
}

void World::require_equal(const std::string& bytes, const std::string& what) const {
    if (size_ == 1) return;
    const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
    std::uint64_t range[2] = {hash, ~hash};
    std::uint64_t least[2] = {};
    meet(own_);
    check_mpi(MPI_Allreduce(range, least, 2, MPI_UINT64_T, MPI_MIN, own_), "MPI_Allreduce");
    if (least[0] != ~least[1]) throw LinkError(what + " differs between ranks");
}

std::string mpi_version() {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
    int length = 0;
    MPI_Get_library_version(text, &length);
    const std::string version(text, static_cast<std::size_t>(length));
    return version.substr(0, version.find(','));
}

}  // namespace maniple
