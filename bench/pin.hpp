// bench/pin.hpp: threads on cores of their own, so that systems are compared and not where the kernel woke their
// threads.
#pragma once

namespace maniple::bench {

/// Remembers the cores that this process may run on. To be called first, on the main thread, while it is not pinned.
void remember_cores();

/// Binds the calling thread to the core of that number, counted from 0 among those remembered, around and around.
void pin_this_thread(int number);

/// Lets the calling thread, and those that it starts from now on, run on all cores again.
void unpin_this_thread();

}  // namespace maniple::bench
