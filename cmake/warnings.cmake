# SPDX-License-Identifier: Apache-2.0
add_library(sockscope_warnings INTERFACE)
target_compile_options(sockscope_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  # Members left out of a designated initializer have their defaults.
  -Wno-missing-field-initializers)
# Only where developers build: another compiler's new warning must not keep a user from his program.
option(SOCKSCOPE_WERROR "Treat warnings as errors" OFF)
if(SOCKSCOPE_WERROR)
  target_compile_options(sockscope_warnings INTERFACE -Werror)
endif()
if(SOCKSCOPE_SANITIZE)
  # RapidJSON 1.1 adds to a null pointer when its stack is empty; nothing is wrong with the result.
  add_compile_options(-fsanitize=${SOCKSCOPE_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all -fno-sanitize=pointer-overflow)
  add_link_options(-fsanitize=${SOCKSCOPE_SANITIZE})
  # g++ 12 with AddressSanitizer sees this in <regex>, wrongly.
  target_compile_options(sockscope_warnings INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
