# maniple_add_kernels(NAME [SHARED] FILES a.kernel.yaml … [LINK target …]): the static library maniple_kernels_NAME with
# the code of the kernels for every instruction set, and their registry, the symbol `maniple_pack_NAME` of type
# maniple_pack (kernel/abi.hpp). With SHARED also the pack NAME.so in the binary folder, of the target maniple_kernels_NAME_pack, for
# `maniple kernels check NAME.so`.
#
# One text is generated for a kernel and compiled once for each instruction set with flags of its own, and one that
# tests every access. Nothing but one table a text is visible outside of it, so that no wide instruction can reach a
# program through a function that two texts share. The shaders of a kernel are compiled to SPIR-V and lie in a text of
# their own.
#
# Hand-written C++ in a.cpp beside a.kernel.yaml (`fast:` there) is compiled once, for any processor, and linked with LINK.

set(MANIPLE_COMPILE_SHADERS ${CMAKE_CURRENT_LIST_DIR}/maniple_compile_shaders.cmake)
find_program(MANIPLE_GLSLC glslc DOC "The compiler of compute shaders")
find_program(MANIPLE_SPIRV_VAL spirv-val DOC "The validator of compiled shaders")

# The same bits in every instruction set: no contraction, no reordering. Exceptions and errno are nobody's concern here,
# and keeping them would stop vectorisation.
set(MANIPLE_KERNEL_FLAGS -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -fopenmp-simd -fno-exceptions -fno-rtti)

function(maniple_kernel_sets result)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(${result} checked v2 v3 v4 PARENT_SCOPE)
  else()
    set(${result} checked base PARENT_SCOPE)
  endif()
endfunction()

# The compile options of one instruction set.
function(maniple_kernel_options set result)
  set(options ${MANIPLE_KERNEL_FLAGS})
  if(set STREQUAL "gpu")
    set(options)  # tables of numbers
  elseif(set STREQUAL "checked")
    list(REMOVE_ITEM options -O3 -fopenmp-simd)
    list(APPEND options -O1)
  elseif(set MATCHES "^v[234]$")
    list(APPEND options -march=x86-64-${set})
    if(set STREQUAL "v4")
      # In the cache 64-byte vectors are 1.25 times as fast as 32-byte ones, from memory the two are equal once rows are
      # written from a line's beginning on (heat_step f32, EPYC 9005).
      list(APPEND options -mprefer-vector-width=512)
    endif()
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # A body with branches may not vectorise; that is slow, not wrong.
    list(APPEND options -Wno-pass-failed)
  endif()
  if(MANIPLE_SANITIZE)
    list(APPEND options -fsanitize=${MANIPLE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  endif()
  set(${result} ${options} PARENT_SCOPE)
endfunction()

function(maniple_add_kernels name)
  cmake_parse_arguments(PACK "SHARED" "" "FILES;LINK" ${ARGN})
  if(NOT PACK_FILES)
    message(FATAL_ERROR "maniple_add_kernels(${name}): no FILES")
  endif()
  if(NOT MANIPLE_GLSLC OR NOT MANIPLE_SPIRV_VAL)
    message(FATAL_ERROR "maniple_add_kernels(${name}): kernels become compute shaders too, by glslc and spirv-val, and one "
                        "of them was not found: install glslc and spirv-tools (Debian, Ubuntu) or the Vulkan SDK, or set "
                        "MANIPLE_GLSLC and MANIPLE_SPIRV_VAL")
  endif()
  if(TARGET maniple-kernelc)
    set(compiler maniple-kernelc)
  else()
    set(compiler maniple::kernelc)
  endif()
  maniple_kernel_sets(sets)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/maniple_kernels_${name})
  file(MAKE_DIRECTORY ${folder})

  set(plain_sources)
  set(checked_sources)
  set(shader_sources)
  set(fast_sources)
  set(files)
  foreach(file ${PACK_FILES})
    get_filename_component(file ${file} ABSOLUTE)
    get_filename_component(kernel ${file} NAME_WE)
    get_filename_component(beside ${file} DIRECTORY)
    if(EXISTS ${beside}/${kernel}.cpp)
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
      file(STRINGS ${file} fast REGEX "^fast:")
      if(fast)
        list(APPEND fast_sources ${beside}/${kernel}.cpp)
      endif()
    endif()
    list(APPEND files ${file})
    if(file MATCHES "\\.composite\\.yaml$")
      continue()  # stays text in the pack
    endif()
    list(APPEND plain_sources ${folder}/${kernel}.cpp)
    list(APPEND checked_sources ${folder}/${kernel}.checked.cpp)
    list(APPEND shader_sources ${folder}/${kernel}.gpu.cpp)
    add_custom_command(OUTPUT ${folder}/${kernel}.cpp ${folder}/${kernel}.checked.cpp
      COMMAND ${compiler} cpp ${file} -o ${folder}/${kernel}.cpp
      COMMAND ${compiler} checked ${file} -o ${folder}/${kernel}.checked.cpp
      DEPENDS ${file} ${compiler} COMMENT "Compiling kernel ${kernel}" VERBATIM)
    add_custom_command(OUTPUT ${folder}/${kernel}.gpu.cpp
      COMMAND ${CMAKE_COMMAND} -D KERNELC=$<TARGET_FILE:${compiler}> -D GLSLC=${MANIPLE_GLSLC}
              -D SPIRV_VAL=${MANIPLE_SPIRV_VAL} -D KERNEL=${file} -D FOLDER=${folder}/${kernel}.shaders
              -D OUT=${folder}/${kernel}.gpu.cpp -P ${MANIPLE_COMPILE_SHADERS}
      DEPENDS ${file} ${compiler} ${MANIPLE_COMPILE_SHADERS} COMMENT "Compiling the shaders of ${kernel}" VERBATIM)
  endforeach()
  string(REPLACE ";" "," set_list "${sets}")
  add_custom_command(OUTPUT ${folder}/pack.cpp
    COMMAND ${compiler} pack ${name} ${set_list} ${files} -o ${folder}/pack.cpp
    DEPENDS ${files} ${compiler} COMMENT "Describing the kernels of ${name}" VERBATIM)

  # Several libraries compile the same generated files; only this target makes them.
  add_custom_target(maniple_kernels_${name}_sources DEPENDS ${plain_sources} ${checked_sources} ${shader_sources}
                                                          ${folder}/pack.cpp)
  add_library(maniple_kernels_${name} STATIC ${folder}/pack.cpp)
  add_dependencies(maniple_kernels_${name} maniple_kernels_${name}_sources)
  target_compile_features(maniple_kernels_${name} PRIVATE cxx_std_20)
  set_target_properties(maniple_kernels_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  foreach(set ${sets} gpu)
    set(objects maniple_kernels_${name}_${set})
    if(set STREQUAL "checked")
      add_library(${objects} OBJECT ${checked_sources})
    elseif(set STREQUAL "gpu")
      add_library(${objects} OBJECT ${shader_sources})
    else()
      add_library(${objects} OBJECT ${plain_sources})
    endif()
    add_dependencies(${objects} maniple_kernels_${name}_sources)
    maniple_kernel_options(${set} options)
    target_compile_options(${objects} PRIVATE ${options})
    target_compile_features(${objects} PRIVATE cxx_std_20)
    target_compile_definitions(${objects} PRIVATE MANIPLE_INSTRUCTION_SET=${set})
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_sources(maniple_kernels_${name} PRIVATE $<TARGET_OBJECTS:${objects}>)
  endforeach()

  if(fast_sources)
    set(objects maniple_kernels_${name}_fast)
    add_library(${objects} OBJECT ${fast_sources})
    maniple_kernel_options(fast options)
    target_compile_options(${objects} PRIVATE ${options})
    target_compile_features(${objects} PRIVATE cxx_std_20)
    target_include_directories(${objects} PRIVATE $<TARGET_PROPERTY:maniple::kernel,INTERFACE_INCLUDE_DIRECTORIES>)
    target_link_libraries(${objects} PRIVATE ${PACK_LINK})
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_sources(maniple_kernels_${name} PRIVATE $<TARGET_OBJECTS:${objects}>)
  endif()
  target_link_libraries(maniple_kernels_${name} PRIVATE ${PACK_LINK})

  if(PACK_SHARED)
    set(pack maniple_kernels_${name}_pack)
    add_library(${pack} MODULE $<TARGET_PROPERTY:maniple_kernels_${name},SOURCES>)
    add_dependencies(${pack} maniple_kernels_${name}_sources)
    target_compile_features(${pack} PRIVATE cxx_std_20)
    target_link_libraries(${pack} PRIVATE ${PACK_LINK})
    # Its kernels, not some of the same name in the program; what is missing is missed now, not when it is opened.
    target_link_options(${pack} PRIVATE LINKER:-Bsymbolic)
    if(NOT MANIPLE_SANITIZE)
      target_link_options(${pack} PRIVATE LINKER:-z,defs)
    endif()
    set_target_properties(${pack} PROPERTIES PREFIX "" SUFFIX ".so" OUTPUT_NAME ${name}
      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  endif()
endfunction()
