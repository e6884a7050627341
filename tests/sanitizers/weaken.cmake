# cmake -DFROM=FILE -DTO=FILE -DORDER=TEXT -DWEAKER=TEXT -P weaken.cmake: a copy of a source file in which the one place that
# reads ORDER reads WEAKER.
file(READ ${FROM} text)
string(FIND "${text}" "${ORDER}" first)
string(FIND "${text}" "${ORDER}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR "${FROM}: '${ORDER}' is to be there once; say anew what is to be weakened")
endif()
string(REPLACE "${ORDER}" "${WEAKER}" text "${text}")
file(WRITE ${TO} "${text}")
