# MANIPLE_PYTHON: a Python that imports NumPy and h5py, which the first python3 in the PATH need not be.
# Empty, with one line at configure time, where there is none.
if(NOT MANIPLE_PYTHON)
  foreach(candidate python3 /usr/bin/python3 /usr/local/bin/python3)
    execute_process(COMMAND ${candidate} -c "import numpy, h5py" RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    if(result STREQUAL "0")
      set(MANIPLE_PYTHON ${candidate} CACHE STRING "A Python that imports NumPy and h5py")
      break()
    endif()
  endforeach()
  if(NOT MANIPLE_PYTHON)
    message(WARNING "No python3 here imports numpy and h5py: install python3-numpy and python3-h5py to run all tests")
  endif()
endif()
