#include "kernel/pack_file.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"

namespace maniple {

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    throw UnavailableError("kernel pack '" + path + "' is refused: " + why);
}

class FileDescriptor {
public:
    explicit FileDescriptor(const std::string& path) : number_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
    ~FileDescriptor() {
        if (number_ >= 0) close(number_);
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;

    int number() const { return number_; }

private:
    int number_;
};

/// Only root or this user can have written what `what` names.
void check_owner(const std::string& path, const struct stat& status, const std::string& what) {
    if (status.st_uid != 0 && status.st_uid != geteuid())
        refuse(path, what + " belongs to user " + std::to_string(status.st_uid) + ", not to root or you");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        refuse(path, what + " can be written by its group or by others; chmod go-w helps");
}

/// "mine" for "a/mine.so".
std::string pack_name(const std::string& path, const std::filesystem::path& file) {
    const std::string name = file.stem().string();
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    const bool word =
        std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
    if (file.extension() != ".so" || name.empty() || !word) refuse(path, "the file of the pack NAME is NAME.so");
    return name;
}

}  // namespace

void PackFile::Close::operator()(void* library) const { dlclose(library); }

PackFile::PackFile(const std::string& path) {
    std::error_code error;
    const std::filesystem::path file = std::filesystem::canonical(path, error);
    if (error) refuse(path, error.message());
    const std::string symbol = "maniple_pack_" + pack_name(path, file);
    const FileDescriptor descriptor(file.string());
    struct stat status {};
    if (descriptor.number() < 0 || fstat(descriptor.number(), &status) != 0) refuse(path, std::strerror(errno));
    if (!S_ISREG(status.st_mode)) refuse(path, "it is not a file");
    check_owner(path, status, "it");
    const std::string folder = file.parent_path().string();
    if (stat(folder.c_str(), &status) != 0) refuse(path, std::strerror(errno));
    check_owner(path, status, "its folder " + folder);
    // Through the descriptor: what is opened is what was checked, whatever the name stands for by now.
    const std::string opened = "/proc/self/fd/" + std::to_string(descriptor.number());
    library_.reset(dlopen(opened.c_str(), RTLD_NOW | RTLD_LOCAL));
    if (!library_) {
        const char* const why = dlerror();
        refuse(path, why == nullptr ? "it cannot be opened" : why);
    }
    pack_ = static_cast<const maniple_pack*>(dlsym(library_.get(), symbol.c_str()));
    if (pack_ == nullptr) refuse(path, "it has no symbol " + symbol);
    if (pack_->abi_version != MANIPLE_ABI_VERSION)
        refuse(path, "it has ABI version " + std::to_string(pack_->abi_version) + ", this program has " +
                         std::to_string(MANIPLE_ABI_VERSION) + "; build it anew");
}

}  // namespace maniple
