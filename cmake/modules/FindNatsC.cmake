# SPDX-License-Identifier: Apache-2.0
# Finds nats.c and defines NatsC::NatsC. Debian's own CMake config names a static library that its package lacks.
find_package(PkgConfig QUIET)
pkg_check_modules(PC_NATSC QUIET libnats)
find_path(NatsC_INCLUDE_DIR nats.h PATH_SUFFIXES nats HINTS ${PC_NATSC_INCLUDE_DIRS})
find_library(NatsC_LIBRARY nats HINTS ${PC_NATSC_LIBRARY_DIRS})
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NatsC REQUIRED_VARS NatsC_LIBRARY NatsC_INCLUDE_DIR VERSION_VAR PC_NATSC_VERSION)
if(NatsC_FOUND AND NOT TARGET NatsC::NatsC)
  add_library(NatsC::NatsC UNKNOWN IMPORTED)
  set_target_properties(NatsC::NatsC PROPERTIES IMPORTED_LOCATION "${NatsC_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${NatsC_INCLUDE_DIR}")
endif()
mark_as_advanced(NatsC_INCLUDE_DIR NatsC_LIBRARY)
