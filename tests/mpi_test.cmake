# maniple_mpi_test(NAME RANKS 1 2 3 [SECONDS 110] SOURCES … LINK …): one GoogleTest program over MPI, run once for each number of
# ranks as the tests NAME_1, NAME_2, ….
# maniple_mpi_command(VARIABLE RANKS [SECONDS]): the beginning of a command that runs a program on so many ranks.
# maniple_mpi_environment(TEST): what Open MPI and the sanitizers need in the environment of a test.
include_guard(GLOBAL)

function(maniple_mpi_command variable ranks)
  set(seconds 110)
  if(ARGC GREATER 2)
    set(seconds ${ARGV2})
  endif()
  math(EXPR seconds "${seconds} * ${MANIPLE_TEST_SLOWDOWN}")
  set(${variable} ${MPIEXEC_EXECUTABLE} --quiet --oversubscribe --bind-to none --timeout ${seconds}
                  ${MPIEXEC_NUMPROC_FLAG} ${ranks} PARENT_SCOPE)
endfunction()

function(maniple_mpi_environment test)
  set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl_base_warn_component_unused=0 GTEST_COLOR=no
    LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/sanitizers/lsan.supp:print_suppressions=0
    TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/sanitizers/tsan.supp:print_suppressions=0)
  if(MANIPLE_SANITIZE STREQUAL "thread")
    set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT MANIPLE_TEST_SEEDS=60)
  endif()
endfunction()

function(maniple_mpi_test name)
  cmake_parse_arguments(TEST "" "SECONDS" "RANKS;SOURCES;LINK" ${ARGN})
  if(NOT TEST_SECONDS)
    set(TEST_SECONDS 110)
  endif()
  math(EXPR timeout "${TEST_SECONDS} * ${MANIPLE_TEST_SLOWDOWN} + 10")
  set(sanitizer_sources)
  if(MANIPLE_SANITIZE)
    set(sanitizer_sources ${PROJECT_SOURCE_DIR}/tests/sanitizers/keep_modules.cpp)
  endif()
  add_executable(${name}_test ${TEST_SOURCES} ${PROJECT_SOURCE_DIR}/tests/mpi_main.cpp ${sanitizer_sources})
  target_link_libraries(${name}_test PRIVATE maniple_options ${TEST_LINK} MPI::MPI_C GTest::gtest)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(${name}_test PRIVATE MANIPLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  foreach(ranks ${TEST_RANKS})
    maniple_mpi_command(command ${ranks} ${TEST_SECONDS})
    add_test(NAME ${name}_${ranks} COMMAND ${command} $<TARGET_FILE:${name}_test>)
    set_tests_properties(${name}_${ranks} PROPERTIES TIMEOUT ${timeout} PROCESSORS ${ranks})
    maniple_mpi_environment(${name}_${ranks})
  endforeach()
endfunction()
