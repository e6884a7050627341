# maniple_layer(NAME SOURCES … [LINK …]): one layer of src/ as the static library maniple_NAME.
# maniple_test(FOLDER SOURCES … [LINK …]): tests/FOLDER as one GoogleTest program.

add_library(maniple_options INTERFACE)
target_compile_options(maniple_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                                 -ffp-contract=off)
if(MANIPLE_WERROR)
  target_compile_options(maniple_options INTERFACE -Werror)
endif()
target_compile_definitions(maniple_options INTERFACE OMPI_SKIP_MPICXX)
if(MANIPLE_SANITIZE)
  target_compile_options(maniple_options INTERFACE -fsanitize=${MANIPLE_SANITIZE} -fno-omit-frame-pointer
                                                   -fno-sanitize-recover=all)
  target_link_options(maniple_options INTERFACE -fsanitize=${MANIPLE_SANITIZE})
endif()

function(maniple_layer name)
  cmake_parse_arguments(LAYER "" "" "SOURCES;LINK" ${ARGN})
  add_library(maniple_${name} STATIC ${LAYER_SOURCES})
  add_library(maniple::${name} ALIAS maniple_${name})
  target_include_directories(maniple_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                                    $<INSTALL_INTERFACE:include>
                                                    $<INSTALL_INTERFACE:include/maniple>)
  target_compile_features(maniple_${name} PUBLIC cxx_std_20)
  target_link_libraries(maniple_${name} PRIVATE $<BUILD_INTERFACE:maniple_options> PUBLIC ${LAYER_LINK})
  set_target_properties(maniple_${name} PROPERTIES EXPORT_NAME ${name})
  set_property(GLOBAL APPEND PROPERTY MANIPLE_LAYERS maniple_${name})
endfunction()
