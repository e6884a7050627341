# cmake -DSOURCE=… -DBUILD=… -DCOMPILER=… -DLAUNCHER=… -DMISSING=… -P build.cmake: configures and builds targets/.
if(MISSING)
  message("SKIPPED: ${MISSING}")
  return()
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${BUILD} -DCMAKE_CXX_COMPILER=${COMPILER}
                -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} COMMAND_ERROR_IS_FATAL ANY)
