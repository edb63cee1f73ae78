# SPDX-License-Identifier: Apache-2.0

# penstock_module(<name> [DEPENDS <target>...] [PRIVATE_DEPENDS <target>...])
# One floor of the house: library penstock_<name>, alias penstock::<name>. Everything under include/ is its promise, and all
# that other floors can include.
function(penstock_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;PRIVATE_DEPENDS")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/*.h")
  add_library(penstock_${name})
  add_library(penstock::${name} ALIAS penstock_${name})
  target_sources(penstock_${name} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${headers})
  target_include_directories(penstock_${name} PRIVATE src)
  target_compile_features(penstock_${name} PUBLIC cxx_std_20)
  target_link_libraries(penstock_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
  set_target_properties(penstock_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} INSTALL_RPATH "$ORIGIN"
    VERIFY_INTERFACE_HEADER_SETS ON)
  set_property(GLOBAL APPEND PROPERTY PENSTOCK_MODULES penstock_${name})
endfunction()

# penstock_drawer(<module> <drawer> SOURCES <file>... [DEPENDS <target>...])
# One folder under a module's src/, compiled on its own so that it sees only what it names, and packed into the module.
function(penstock_drawer module drawer)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;DEPENDS")
  set(target penstock_${module}_${drawer})
  add_library(${target} OBJECT ${arg_SOURCES})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/${module}/include" "${PROJECT_SOURCE_DIR}/${module}/src")
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_sources(penstock_${module} PRIVATE $<TARGET_OBJECTS:${target}>)
endfunction()

# penstock_test(<name> LABEL <label> SOURCES <file>... [DEPENDS <target>...] [TIMEOUT <seconds>])
function(penstock_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "SOURCES;DEPENDS")
  if(NOT PENSTOCK_BUILD_TESTS)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
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
