/* A pack of an earlier ABI version. */
#include "kernel/abi.hpp"

const maniple_pack maniple_pack_old = {MANIPLE_ABI_VERSION - 1, 0, 0};
