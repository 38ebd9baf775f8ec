# SPDX-License-Identifier: Apache-2.0
# add_static_program(target output OBJECTS targets... [LIBRARIES libraries...]): links the objects of
# those targets, and all libraries that they need, into one file.

# Debian has no static library of fmt.
add_library(fmt_static STATIC ${CMAKE_CURRENT_LIST_DIR}/fmt_static.cpp)
target_include_directories(fmt_static PRIVATE
  $<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>)

function(add_static_program target output)
  cmake_parse_arguments(PARSE_ARGV 2 given "" "" "OBJECTS;LIBRARIES")
  set(objects)
  foreach(source IN LISTS given_OBJECTS)
    list(APPEND objects $<TARGET_OBJECTS:${source}>)
  endforeach()
  add_executable(${target} ${objects})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output} LINKER_LANGUAGE CXX)
  target_link_options(${target} PRIVATE -static)
  target_link_libraries(${target} PRIVATE ${given_LIBRARIES} fmt_static -lre2 -lsodium -lbpf -lelf -lz -lcap)
endfunction()
