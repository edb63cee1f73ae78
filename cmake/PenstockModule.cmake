# SPDX-License-Identifier: Apache-2.0

# penstock_module(<name> [DEPENDS <target>...] [PRIVATE_DEPENDS <target>...])
# One module: library penstock_<name>, alias penstock::<name>. The headers under include/ are installed: they are its public
# API. Headers under internal/, if it has any, can be included by the other modules, and are not installed.
function(penstock_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;PRIVATE_DEPENDS")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/*.h")
  add_library(penstock_${name})
  add_library(penstock::${name} ALIAS penstock_${name})
  target_sources(penstock_${name} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${headers})
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/internal")  # not a file set: an exported target's file sets must all be installed
    target_include_directories(penstock_${name} PUBLIC "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/internal>")
  endif()
  target_compile_features(penstock_${name} PUBLIC cxx_std_20)
  target_link_libraries(penstock_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
  set_target_properties(penstock_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} INSTALL_RPATH "$ORIGIN"
    VERIFY_INTERFACE_HEADER_SETS ON)
  set_property(GLOBAL APPEND PROPERTY PENSTOCK_MODULES penstock_${name})
endfunction()

# penstock_room(<module> <room> SOURCES <file>... [USES <room>...] [DEPENDS <target>...])
# A folder under a module's src/, such as jetstream/io, compiled on its own and packed into the module. It can
# include its own headers, and those of the rooms that it uses, directly or through them. Any other include does not
# compile: each room has an include directory that holds a link to that room alone.
function(penstock_room module room)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;USES;DEPENDS")
  string(REPLACE "/" "_" name "${room}")
  set(target penstock_${module}_${name})
  set(includes "${PROJECT_BINARY_DIR}/rooms/${module}_${name}")
  get_filename_component(parent "${includes}/${room}" DIRECTORY)
  file(MAKE_DIRECTORY "${parent}")
  file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${module}/src/${room}" "${includes}/${room}" SYMBOLIC)
  add_library(${target} OBJECT ${arg_SOURCES})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} INTERFACE "-ffile-prefix-map=${includes}/=${module}/src/")
  target_compile_options(${target} PRIVATE "-ffile-prefix-map=${includes}/=${module}/src/")
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/${module}/include" "${includes}")
  foreach(used IN LISTS arg_USES)
    string(REPLACE "/" "_" used "${used}")
    target_link_libraries(${target} PUBLIC penstock_${module}_${used})
  endforeach()
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_sources(penstock_${module} PRIVATE $<TARGET_OBJECTS:${target}>)
endfunction()

# penstock_rooms(<module> <name> <room>...)
# Several rooms as one target for tests and programs: penstock_<module>_<name>, objects included.
function(penstock_rooms module name)
  add_library(penstock_${module}_${name} INTERFACE)
  foreach(room IN LISTS ARGN)
    string(REPLACE "/" "_" room "${room}")
    target_link_libraries(penstock_${module}_${name} INTERFACE penstock_${module}_${room})
    target_sources(penstock_${module}_${name} INTERFACE $<TARGET_OBJECTS:penstock_${module}_${room}>)
  endforeach()
endfunction()

# penstock_test(<name> LABEL <label> SOURCES <file>... [DEPENDS <target>...] [TIMEOUT <seconds>] [ALONE])
# ALONE: no other test at the same time, for those that start several servers and time what they do.
function(penstock_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ALONE" "LABEL;TIMEOUT" "SOURCES;DEPENDS")
  if(NOT PENSTOCK_BUILD_TESTS)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_ALONE})
endfunction()

# penstock_test_on_newest_server(<name> COMMAND <command>... LABEL <label> TIMEOUT <seconds>)
# For what Debian 12's nats-server cannot show. Runs alone.
function(penstock_test_on_newest_server name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "COMMAND")
  if(PENSTOCK_BUILD_TESTS)
    add_test(NAME newest_server.${name}
      COMMAND "${PROJECT_SOURCE_DIR}/integration-tests/support/on_newest_server.sh" ${arg_COMMAND})
    set_tests_properties(newest_server.${name}
      PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} RUN_SERIAL TRUE SKIP_RETURN_CODE 77)
  endif()
endfunction()

# penstock_benchmark(<name> SOURCES <file>... [DEPENDS <target>...])
# In bin/benchmarks. A test labelled bench runs it for a moment, to show that it still runs.
function(penstock_benchmark name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  if(PENSTOCK_BUILD_BENCHMARKS)
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_DEPENDS} benchmark::benchmark_main)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin/benchmarks")
    add_dependencies(benchmarks ${name})
    add_test(NAME ${name} COMMAND ${name} --benchmark_min_time=0.001)
    set_tests_properties(${name} PROPERTIES LABELS bench TIMEOUT 120)
  endif()
endfunction()

# penstock_fuzz_target(<name> SOURCES <file>... [DEPENDS <target>...])
# Program <name>_fuzz, whose sources define LLVMFuzzerTestOneInput, with its first inputs in corpus/<name>. In the preset
# fuzz it is libFuzzer's; in any other it replays the corpus, which is a unit test.
function(penstock_fuzz_target name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  set(corpus "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}")
  add_executable(${name}_fuzz ${arg_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE ${arg_DEPENDS})
  if(PENSTOCK_BUILD_FUZZERS)
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name}_fuzz PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin/fuzz")
    add_dependencies(fuzzers ${name}_fuzz)
  else()
    target_sources(${name}_fuzz PRIVATE "${PROJECT_SOURCE_DIR}/eventbus/fuzz/replay_main.cc")
    add_test(NAME Fuzz.${name} COMMAND ${name}_fuzz "${corpus}")
    set_tests_properties(Fuzz.${name} PROPERTIES LABELS unit TIMEOUT 60)
  endif()
endfunction()
