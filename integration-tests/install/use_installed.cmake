# SPDX-License-Identifier: Apache-2.0
# cmake -D way=find_package|pkg_config -D build_dir= -D scratch= -D generator= -D compiler= -D flags= -P use_installed.cmake
# Installs the build into <scratch>/prefix, builds consumer/ against it the given way, and runs it.
set(prefix "${scratch}/prefix")
set(consumer "${CMAKE_CURRENT_LIST_DIR}/consumer")

macro(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endmacro()

file(REMOVE_RECURSE "${scratch}")
run(${CMAKE_COMMAND} --install "${build_dir}" --prefix "${prefix}")

# Internal headers stay in the tree, and no installed header needs one.
file(GLOB_RECURSE installed "${prefix}/include/*.h")
if(NOT installed)
  message(FATAL_ERROR "no header is installed under ${prefix}/include")
endif()
foreach(header IN LISTS installed)
  file(STRINGS "${header}" internal_includes REGEX "#include .*/internal/")
  if(header MATCHES "/internal/" OR internal_includes)
    message(FATAL_ERROR "${header} is internal or includes an internal header: ${internal_includes}")
  endif()
endforeach()

if(way STREQUAL "find_package")
  run(${CMAKE_COMMAND} -G "${generator}" -S "${consumer}" -B "${scratch}/build" -D CMAKE_PREFIX_PATH=${prefix}
    -D CMAKE_CXX_COMPILER=${compiler} "-DCMAKE_CXX_FLAGS=${flags}")
  run(${CMAKE_COMMAND} --build "${scratch}/build")
  run("${scratch}/build/consumer")
else()
  file(GLOB_RECURSE description "${prefix}/penstock.pc")
  cmake_path(GET description PARENT_PATH description_dir)
  cmake_path(GET description_dir PARENT_PATH library_dir)
  set(ENV{PKG_CONFIG_PATH} "${description_dir}")
  execute_process(COMMAND pkg-config --cflags --libs penstock OUTPUT_VARIABLE package_flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(package_flags UNIX_COMMAND "${package_flags}")
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${compiler} -std=c++20 ${flags} "${consumer}/main.cc" -o "${scratch}/consumer" ${package_flags})
  set(ENV{LD_LIBRARY_PATH} "${library_dir}")
  run("${scratch}/consumer")
endif()
