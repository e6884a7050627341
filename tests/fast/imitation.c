/* What answers like a variant of OpenBLAS and computes nothing: the serial one, the one for OpenMP, one with wide
 * integers. IMITATION_PARALLEL and IMITATION_CONFIG say which. */
int openblas_get_parallel(void) { return IMITATION_PARALLEL; }
int openblas_get_num_threads(void) { return 1; }
void openblas_set_num_threads(int threads) { (void)threads; }
const char* openblas_get_config(void) { return IMITATION_CONFIG; }
const char* openblas_get_corename(void) { return "None"; }
void cblas_sgemm(void) {}
void cblas_dgemm(void) {}
