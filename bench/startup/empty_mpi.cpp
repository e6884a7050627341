// empty_mpi: what any MPI program costs before it does anything.
#include <mpi.h>

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    return MPI_Finalize();
}
