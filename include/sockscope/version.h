// SPDX-License-Identifier: Apache-2.0
// The version of these headers, for the preprocessor. version() (monitor.h) says which version of
// the library a program runs with.
#pragma once

#define SOCKSCOPE_VERSION_MAJOR 0
#define SOCKSCOPE_VERSION_MINOR 1
#define SOCKSCOPE_VERSION_PATCH 0

// To compare: 0.1.0 is 100, 1.2.3 is 10203.
#define SOCKSCOPE_VERSION_NUMBER \
  (SOCKSCOPE_VERSION_MAJOR * 10000 + SOCKSCOPE_VERSION_MINOR * 100 + SOCKSCOPE_VERSION_PATCH)
