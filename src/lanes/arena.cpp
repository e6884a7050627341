#include "lanes/arena.hpp"

#include <new>

#include "base/text.hpp"

namespace maniple {

Arena::Arena(const Layout& layout) : layout_(layout) {
    for (const BufferSpec& buffer : layout.buffers) {
        try {
            bytes_.emplace_back(static_cast<std::size_t>(buffer.bytes()));
        } catch (const std::bad_alloc&) {
            throw UnavailableError("no memory for '" + buffer.name + "' (" + format_bytes(buffer.bytes()) +
                                   "): this rank needs " + format_bytes(layout.host_bytes()) + " in all");
        }
    }
}

}  // namespace maniple
