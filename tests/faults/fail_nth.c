/* SPDX-License-Identifier: Apache-2.0
 *
 * Loaded before the C library: the FAIL_AT-th allocation after main() began fails, and with FAIL_ON
 * all after it do. With COUNT_TO a file is left with how many there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

static long fail_at = -1, count, is_on, fail_on;

static int is_due(void) {
  long nth;

  if (!is_on) return 0;
  nth = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
  if (nth != fail_at && !(fail_on && fail_at > 0 && nth > fail_at)) return 0;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) {
  return is_due() ? NULL : __libc_malloc(size);
}
void* calloc(size_t n, size_t size) {
  return is_due() ? NULL : __libc_calloc(n, size);
}
void* realloc(void* old, size_t size) {
  return is_due() ? NULL : __libc_realloc(old, size);
}
void* aligned_alloc(size_t align, size_t size) {
  return is_due() ? NULL : __libc_memalign(align, size);
}

int posix_memalign(void** out, size_t align, size_t size) {
  if (is_due()) return ENOMEM;
  *out = __libc_memalign(align, size);
  return *out ? 0 : ENOMEM;
}

static int counts_to = -1;

static void leave(void) {
  char text[32];
  int size;

  is_on = 0;
  size = snprintf(text, sizeof(text), "%ld", count);
  if (counts_to >= 0 && write(counts_to, text, size) != size) _exit(99);
}

static int (*real_main)(int, char**, char**);

static int counted_main(int argc, char** argv, char** environment) {
  is_on = 1;
  return real_main(argc, argv, environment);
}

int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void* stack_end) {
  __typeof__(&__libc_start_main) next = dlsym(RTLD_NEXT, "__libc_start_main");
  const char *at = getenv("FAIL_AT"), *to = getenv("COUNT_TO");

  if (at) fail_at = atol(at);
  fail_on = getenv("FAIL_ON") != NULL;
  if (to) {
    counts_to = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    atexit(leave);
  }
  real_main = main;
  return next(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
