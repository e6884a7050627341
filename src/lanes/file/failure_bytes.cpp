#include "lanes/file/failure_bytes.hpp"

#include <cstdint>
#include <cstring>
#include <iterator>
#include <vector>

#include "base/error.hpp"

namespace maniple {
namespace {

/// Numbers and texts one after another, for the broadcast of an error.
class Writer {
public:
    void number(std::int64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
    void text(const std::string& value) {
        number(std::ssize(value));
        bytes_ += value;
    }
    void place(const Place& value) {
        text(value.file);
        number(value.line);
        number(value.column);
        number(value.length);
        text(value.line_text);
    }
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

class Reader {
public:
    explicit Reader(const std::string& bytes) : bytes_(bytes) {}
    std::int64_t number() {
        std::int64_t value = 0;
        std::memcpy(&value, bytes_.data() + at_, sizeof value);
        at_ += sizeof value;
        return value;
    }
    std::string text() {
        const auto length = static_cast<std::size_t>(number());
        at_ += length;
        return bytes_.substr(at_ - length, length);
    }
    Place place() {
        Place value;
        value.file = text();
        value.line = static_cast<int>(number());
        value.column = static_cast<int>(number());
        value.length = static_cast<int>(number());
        value.line_text = text();
        return value;
    }

private:
    const std::string& bytes_;
    std::size_t at_ = 0;
};

std::string to_bytes(const Error& error) {
    Writer out;
    out.number(static_cast<int>(error.code()));
    out.number(std::ssize(error.diagnostics()));
    for (const Diagnostic& diagnostic : error.diagnostics()) {
        out.place(diagnostic.place);
        out.text(diagnostic.message);
        out.text(diagnostic.suggestion);
        out.number(diagnostic.warning ? 1 : 0);
        out.number(std::ssize(diagnostic.notes));
        for (const Diagnostic::Note& note : diagnostic.notes) {
            out.place(note.place);
            out.text(note.message);
        }
    }
    return out.bytes();
}

std::vector<Diagnostic> diagnostics_from(Reader& in) {
    std::vector<Diagnostic> result(static_cast<std::size_t>(in.number()));
    for (Diagnostic& diagnostic : result) {
        diagnostic.place = in.place();
        diagnostic.message = in.text();
        diagnostic.suggestion = in.text();
        diagnostic.warning = in.number() != 0;
        diagnostic.notes.resize(static_cast<std::size_t>(in.number()));
        for (Diagnostic::Note& note : diagnostic.notes) {
            note.place = in.place();
            note.message = in.text();
        }
    }
    return result;
}

[[noreturn]] void throw_error(ExitCode code, std::vector<Diagnostic> diagnostics) {
    switch (code) {
        case ExitCode::usage: throw UsageError(std::move(diagnostics));
        case ExitCode::job: throw JobError(std::move(diagnostics));
        case ExitCode::data: throw DataError(std::move(diagnostics));
        case ExitCode::unavailable: throw UnavailableError(std::move(diagnostics));
        case ExitCode::create: throw CreateError(std::move(diagnostics));
        case ExitCode::file: throw FileError(std::move(diagnostics));
        case ExitCode::link: throw LinkError(std::move(diagnostics));
        default: throw KernelError(std::move(diagnostics));
    }
}

}  // namespace

std::string failure_to_bytes(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) { return to_bytes(error); } catch (const std::exception& error) {
        return to_bytes(KernelError(error.what()));
    } catch (...) { return to_bytes(KernelError("unknown exception")); }
}

void throw_failure(const std::string& bytes, const std::string& suffix) {
    Reader in(bytes);
    const auto code = static_cast<ExitCode>(in.number());
    std::vector<Diagnostic> diagnostics = diagnostics_from(in);
    if (!diagnostics.empty()) diagnostics.front().message += suffix;
    throw_error(code, std::move(diagnostics));
}

}  // namespace maniple
