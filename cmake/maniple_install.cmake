# Installation. find_package(maniple) then gives
#   maniple::maniple        every layer; maniple::NAME is one of them (src/layers.txt)
#   maniple::kernels        the standard kernels
#   maniple::kernelc and maniple_add_kernels()    to build kernels of one's own
# Headers stand under include/maniple/ in the folders that they have in src/.
include(CMakePackageConfigHelpers)
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/maniple)
get_property(layers GLOBAL PROPERTY MANIPLE_LAYERS)

add_library(maniple_all INTERFACE)
set_target_properties(maniple_all PROPERTIES EXPORT_NAME maniple)
target_link_libraries(maniple_all INTERFACE ${layers})
if(MANIPLE_SANITIZE)
  # Instrumented libraries need an instrumented program around them.
  target_compile_options(maniple_all INTERFACE -fsanitize=${MANIPLE_SANITIZE})
  target_link_options(maniple_all INTERFACE -fsanitize=${MANIPLE_SANITIZE})
endif()

set(exported maniple_all ${layers})
if(TARGET maniple_kernels_standard)
  set_target_properties(maniple_kernels_standard PROPERTIES EXPORT_NAME kernels)
  set_target_properties(maniple_kernels_blas PROPERTIES EXPORT_NAME kernels_blas)
  set_target_properties(maniple_kernels_fft PROPERTIES EXPORT_NAME kernels_fft)
  list(APPEND exported maniple_kernels_standard maniple_kernels_blas maniple_kernels_fft)
endif()
if(TARGET maniple-kernelc)
  set_target_properties(maniple-kernelc PROPERTIES EXPORT_NAME kernelc)
  list(APPEND exported maniple-kernelc)
endif()
install(TARGETS ${exported} EXPORT maniple-targets)
install(EXPORT maniple-targets NAMESPACE maniple:: DESTINATION ${config_folder})
if(TARGET maniple)
  install(TARGETS maniple)
endif()
install(DIRECTORY src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/maniple FILES_MATCHING PATTERN "*.hpp")
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(cmake/maniple-config.cmake.in maniple-config.cmake INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(maniple-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/maniple-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/maniple-config-version.cmake
              cmake/maniple_dependencies.cmake cmake/maniple_hdf5_archive.cmake cmake/maniple_add_kernels.cmake
              cmake/maniple_compile_shaders.cmake
        DESTINATION ${config_folder})
