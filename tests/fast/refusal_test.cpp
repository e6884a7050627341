// A library that must not be used is refused in words; each case in a process of its own, since it is opened once.
#include <cstdio>
#include <cstring>

#include "blas.hpp"

/// refusal_test WORDS…: exits with 0 if the library is refused and the reason has all of the words.
int main(int count, char** words) {
    const char* const why = maniple_blas::open();
    const char* const again = maniple_blas::open();
    std::printf("%s\n", why == nullptr ? "it was opened" : why);
    if (why == nullptr || again != why) return 1;
    for (int i = 1; i < count; ++i) {
        if (std::strstr(why, words[i]) == nullptr) return 1;
    }
    return 0;
}
