# SPDX-License-Identifier: Apache-2.0
# Compiles bpf/*.bpf.c, links them into one object and makes the skeleton header. The target
# sockscope_bpf adds the header's folder to the include path; SOCKSCOPE_BPF_OBJECT is the linked object.
find_program(CLANG NAMES clang clang-14 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin REQUIRED)

set(bpf_arch x86)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(bpf_arch arm64)
endif()

set(bpf_objects)
foreach(name maps tracepoint function probe cgroup packets snapshot snapshot_hash snapshot_files process)
  set(object ${CMAKE_BINARY_DIR}/bpf/${name}.bpf.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CLANG} -g -O2 -Wall -Wextra -Wno-unused-parameter -target bpf -mcpu=v3
            -D__TARGET_ARCH_${bpf_arch} -I${CMAKE_SOURCE_DIR}
            -MD -MF ${object}.d -MT ${object}
            -c ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c -o ${object}
    DEPENDS bpf/${name}.bpf.c DEPFILE ${object}.d VERBATIM)
  list(APPEND bpf_objects ${object})
endforeach()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/bpf)

set(SOCKSCOPE_BPF_OBJECT ${CMAKE_BINARY_DIR}/bpf/sockscope.bpf.o)
set(skeleton ${CMAKE_BINARY_DIR}/generated/source/ebpf/sockscope.skel.h)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated/source/ebpf)
add_custom_command(OUTPUT ${SOCKSCOPE_BPF_OBJECT} ${skeleton}
  COMMAND ${BPFTOOL} gen object ${SOCKSCOPE_BPF_OBJECT} ${bpf_objects}
  COMMAND ${BPFTOOL} gen skeleton ${SOCKSCOPE_BPF_OBJECT} name sockscope_bpf > ${skeleton}
  DEPENDS ${bpf_objects} VERBATIM)
add_custom_target(bpf_skeleton DEPENDS ${skeleton})
add_library(sockscope_bpf INTERFACE)
add_dependencies(sockscope_bpf bpf_skeleton)
target_include_directories(sockscope_bpf SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/generated)
