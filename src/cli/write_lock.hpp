// cli/write_lock.hpp: who may change a file of the cache folder.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>

namespace maniple {

/// Held by one run at a time. The system lets go of it when a run ends in any way.
class WriteLock {
public:
    explicit WriteLock(const std::string& path) : file_(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666)) {
        held_ = file_ >= 0 && ::flock(file_, LOCK_EX | LOCK_NB) == 0;
    }
    ~WriteLock() {
        if (file_ >= 0) ::close(file_);
    }
    WriteLock(const WriteLock&) = delete;
    WriteLock& operator=(const WriteLock&) = delete;

    bool held() const { return held_; }

private:
    int file_ = -1;
    bool held_ = false;
};

}  // namespace maniple
