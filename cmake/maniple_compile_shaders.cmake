# Run as a script (cmake -P) for one kernel: prints its compute shaders, compiles and validates each, and puts them into
# C++ as the table `maniple_kernel_NAME_gpu`.
#   KERNELC GLSLC SPIRV_VAL   the programs
#   KERNEL FOLDER OUT         the description, a folder of its own for the shaders, the C++ file
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${FOLDER} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(GET ARGN 0 program)
    message(FATAL_ERROR "${program} failed on the shaders of ${KERNEL}")
  endif()
endfunction()

file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
run(${KERNELC} glsl ${KERNEL} -o ${FOLDER})
file(GLOB shaders RELATIVE ${FOLDER} ${FOLDER}/*.comp)
if(shaders)
  # All in one process; without -g the names are stripped.
  run(${GLSLC} --target-env=vulkan1.2 -O -Werror -c ${shaders})
endif()
foreach(shader ${shaders})
  run(${SPIRV_VAL} --target-env vulkan1.2 ${shader}.spv)
endforeach()
run(${KERNELC} spirv ${KERNEL} ${FOLDER} -o ${OUT})
