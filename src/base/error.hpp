// base/error.hpp: the one hierarchy of errors, each with the exit code that the command leaves with.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace maniple {

/// The exit codes of the command, the numbers of sysexits.h.
enum class ExitCode : int {
    ok = 0,
    usage = 64,        ///< wrong usage of the command line
    job = 65,          ///< an error in the job file
    data = 66,         ///< an input is missing, unreadable, damaged or of a type that maniple does not have
    unavailable = 69,  ///< what the job needs is not here
    internal = 70,     ///< a kernel or a device failed, or an invariant broke
    create = 73,       ///< an output cannot be created
    file = 74,         ///< an input or output error while running
    stopped = 75,      ///< stopped by a signal or the time limit, after a checkpoint
    link = 76,         ///< ranks disagree, a rank was lost, or nothing made progress
};

/// A range of characters of one text file. Lines and columns count from 1, columns in characters (not
/// bytes), a tab is one. `line` 0 means "no place in a file".
struct Place {
    std::string file;  ///< as given on the command line
    int line = 0;
    int column = 0;
    int length = 1;         ///< characters under the caret, at least 1
    std::string line_text;  ///< the source line without its end, for the caret; may be empty

    explicit operator bool() const { return line > 0; }
};

/// One message to the user: where, what, what was expected, the nearest valid word.
struct Diagnostic {
    Place place;             ///< may be empty: then only the message is printed
    std::string message;     ///< "unknown kernel 'heat_stp'"
    std::string suggestion;  ///< "heat_step": printed as "did you mean 'heat_step'?"; empty: none
    struct Note {
        Place place;
        std::string message;
    };
    std::vector<Note> notes;  ///< places that belong to it: a first definition, the path of a cycle
    bool warning = false;
};

/// `FILE:LINE:COLUMN: error: MESSAGE`, the source line, the caret over the range, suggestion and notes;
/// without a place: `maniple: error: MESSAGE`. Ends with a line feed. Control characters of the source
/// line and the message are replaced; `colour` adds terminal colours.
std::string render(const Diagnostic& diagnostic, bool colour = false);

/// Sorted by place; at most 20, the last one then with a note of how many more there are.
std::vector<Diagnostic> by_place(std::vector<Diagnostic> diagnostics);

/// The base of all errors that reach the user. what() is the first diagnostic's message.
class Error : public std::runtime_error {
public:
    Error(ExitCode code, std::string message);
    /// Requires: at least one diagnostic.
    Error(ExitCode code, std::vector<Diagnostic> diagnostics);

    ExitCode code() const { return code_; }
    const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

private:
    ExitCode code_;
    std::vector<Diagnostic> diagnostics_;
};

/// Defines one class of the hierarchy: constructible from a message, a message at a place, or diagnostics.
#define MANIPLE_ERROR(Name, Code)                                                                           \
    class Name : public Error {                                                                             \
    public:                                                                                                 \
        explicit Name(std::string message) : Error(Code, std::move(message)) {}                             \
        Name(Place place, std::string message, std::string suggestion = {})                                 \
            : Error(Code, std::vector<Diagnostic>{                                                          \
                              {std::move(place), std::move(message), std::move(suggestion), {}, false}}) {} \
        explicit Name(std::vector<Diagnostic> diagnostics) : Error(Code, std::move(diagnostics)) {}         \
    }

MANIPLE_ERROR(UsageError, ExitCode::usage);
MANIPLE_ERROR(JobError, ExitCode::job);
MANIPLE_ERROR(DataError, ExitCode::data);
MANIPLE_ERROR(UnavailableError, ExitCode::unavailable);
MANIPLE_ERROR(KernelError, ExitCode::internal);
MANIPLE_ERROR(CreateError, ExitCode::create);
MANIPLE_ERROR(FileError, ExitCode::file);
MANIPLE_ERROR(LinkError, ExitCode::link);

#undef MANIPLE_ERROR

/// A device that failed. `transient`: the same again may succeed.
class DeviceError : public Error {
public:
    explicit DeviceError(std::string message, bool transient = false)
        : Error(ExitCode::internal, std::move(message)), transient_(transient) {}

    bool transient() const { return transient_; }

private:
    bool transient_;
};

/// Aborts the process with rank, file, line and `message`: a broken invariant of ours, never bad input.
[[noreturn]] void broken_invariant(const char* file, int line, const std::string& message);

/// Checks an invariant in every build. `message` may be any expression convertible to std::string; it is
/// evaluated only when the check fails.
#define MANIPLE_CHECK(condition, message)                                           \
    do {                                                                            \
        if (!(condition)) ::maniple::broken_invariant(__FILE__, __LINE__, message); \
    } while (false)

}  // namespace maniple
