# SPDX-License-Identifier: Apache-2.0
add_library(sockscope_warnings INTERFACE)
target_compile_options(sockscope_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  # Members that a designated initializer leaves out have their defaults.
  -Wno-missing-field-initializers)
# Only in developers' builds: a new warning of another compiler must not stop a user's build.
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
