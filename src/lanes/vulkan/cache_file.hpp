// lanes/vulkan/cache_file.hpp: what a driver has compiled, kept on disk from one run to the next.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace maniple {

/// $MANIPLE_CACHE_DIR, else $XDG_CACHE_HOME/maniple, else ~/.cache/maniple; empty if there is none of these.
std::string cache_folder();

/// The bytes of one file of the cache. A file that is missing, cut or altered counts as empty, one that cannot be
/// written is left: a cache is no reason to fail.
class CacheFile {
public:
    /// `name` is that of the file in `folder`; without a folder there is no cache.
    CacheFile(const std::string& folder, const std::string& name);

    std::vector<std::uint8_t> read() const;
    /// Under another name first, then renamed: a reader sees the old bytes or the new ones.
    void write(const std::vector<std::uint8_t>& bytes) const;
    const std::string& path() const { return path_; }

private:
    std::string folder_;
    std::string path_;
};

}  // namespace maniple
