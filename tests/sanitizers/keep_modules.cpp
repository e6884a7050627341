// Keeps shared libraries loaded until the process ends, so that the leak checker can tell from which one a leak comes
// and lsan.supp can name it: Open MPI unloads its components first, and their leaks then have no module.
extern "C" int dlclose(void*) { return 0; }
