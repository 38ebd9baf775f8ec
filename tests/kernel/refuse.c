// SPDX-License-Identifier: Apache-2.0
// For LD_PRELOAD: acts like a kernel that refuses programs, as hardened ones do. REFUSE_PROGRAMS
// lists the beginnings of their names, separated by commas; each is refused with EPERM, as if
// before the verifier ran, with a log that says so. REFUSE_LOG names a file that gets a line for
// each program that reaches the kernel: its name and number of instructions.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_refused(const char* name) {
  const char* list = getenv("REFUSE_PROGRAMS");
  while (list && *list) {
    size_t length = strcspn(list, ",");
    size_t compared = length < BPF_OBJ_NAME_LEN - 1 ? length : BPF_OBJ_NAME_LEN - 1;
    if (length && !strncmp(name, list, compared)) return 1;
    list += length + (list[length] == ',');
  }
  return 0;
}

static void note(const union bpf_attr* load) {
  const char* path = getenv("REFUSE_LOG");
  FILE* file = path ? fopen(path, "ae") : NULL;
  if (!file) return;
  fprintf(file, "%.*s %u\n", BPF_OBJ_NAME_LEN, load->prog_name, load->insn_cnt);
  fclose(file);
}

long syscall(long number, ...) {
  static long (*real)(long, ...);
  long argument[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; ++i) argument[i] = va_arg(list, long);
  va_end(list);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "syscall");
  if (number == SYS_bpf && argument[0] == BPF_PROG_LOAD) {
    const union bpf_attr* load = (const union bpf_attr*)argument[1];
    note(load);
    if (is_refused(load->prog_name)) {
      if (load->log_buf && load->log_size)
        snprintf((char*)(uintptr_t)load->log_buf, load->log_size, "processed 0 insns\n");
      errno = EPERM;
      return -1;
    }
  }
  return real(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}
