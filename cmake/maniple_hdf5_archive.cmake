# maniple_use_hdf5_archive(): hdf5::hdf5 and hdf5::hdf5_hl become archives, where there are some that link.
# The shared library brings curl and thirty libraries that curl needs, for files in a cloud: to find and to bind them takes
# every start some 8 ms. Of the archive the linker takes what is called.
include(CheckCSourceCompiles)

function(maniple_use_hdf5_archive)
  set(archives)
  foreach(name hdf5 hdf5_hl)
    get_target_property(shared hdf5::${name} IMPORTED_LOCATION)
    string(REGEX REPLACE "\\.so$" ".a" archive "${shared}")
    if(archive STREQUAL shared OR NOT EXISTS "${archive}")
      return()
    endif()
    list(PREPEND archives ${archive})
    set(archive_of_${name} ${archive})
  endforeach()
  set(needed ${HDF5_C_LIBRARIES})
  list(FILTER needed EXCLUDE REGEX "/libhdf5[^/]*$")
  set(CMAKE_REQUIRED_LIBRARIES ${archives} ${needed} MPI::MPI_C)
  set(CMAKE_REQUIRED_INCLUDES ${HDF5_C_INCLUDE_DIRS})
  set(CMAKE_REQUIRED_LINK_OPTIONS LINKER:--as-needed)
  check_c_source_compiles("#include <hdf5.h>
    #include <hdf5_hl.h>
    int main(void) { return H5open() + H5DSset_scale(0, 0); }" MANIPLE_HDF5_ARCHIVE_LINKS)
  if(NOT MANIPLE_HDF5_ARCHIVE_LINKS)
    return()
  endif()
  foreach(name hdf5 hdf5_hl)
    set_target_properties(hdf5::${name} PROPERTIES IMPORTED_LOCATION ${archive_of_${name}})
  endforeach()
  set_property(TARGET hdf5::hdf5_hl APPEND PROPERTY INTERFACE_LINK_LIBRARIES hdf5::hdf5)
  set_property(TARGET hdf5::hdf5 APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${needed} MPI::MPI_C)
  set_property(TARGET hdf5::hdf5 APPEND PROPERTY INTERFACE_LINK_OPTIONS LINKER:--as-needed)
endfunction()
