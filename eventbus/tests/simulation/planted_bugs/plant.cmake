# SPDX-License-Identifier: Apache-2.0
# cmake -DBUG=<file> -DSOURCES=<folder> -DOUTPUT=<folder> -P plant.cmake
# Writes the source that a planted bug is in, with the bug, to the output folder. A bug that no longer fits is an error.
#
# A bug is a description after "# ", "file: <name>", and two texts: after "---" what is there, after "+++" what is put in
# its place. Line breaks at the ends of both do not count.
file(READ "${BUG}" bug)
string(FIND "${bug}" "file: " file_at)
string(FIND "${bug}" "\n---" old_at)
string(FIND "${bug}" "\n+++" new_at)
math(EXPR name_at "${file_at} + 6")
math(EXPR name_length "${old_at} - ${name_at}")
string(SUBSTRING "${bug}" ${name_at} ${name_length} name)
math(EXPR old_at "${old_at} + 4")
math(EXPR old_length "${new_at} - ${old_at}")
math(EXPR new_at "${new_at} + 4")
string(SUBSTRING "${bug}" ${old_at} ${old_length} old)
string(SUBSTRING "${bug}" ${new_at} -1 new)
string(REGEX REPLACE "^ *\n|\n$" "" old "${old}")
string(REGEX REPLACE "^\n|\n$" "" new "${new}")

file(READ "${SOURCES}/${name}" text)
string(FIND "${text}" "${old}" first)
string(FIND "${text}" "${old}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR "planted bug ${BUG}: its text is not in ${name}, or more than once:\n${old}")
endif()
string(REPLACE "${old}" "${new}" text "${text}")
file(WRITE "${OUTPUT}/${name}" "${text}")
