/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The records that travel from the kernel programs to user space, in the ring buffer and through
 * the iterators. Compiled as BPF C, C11 and C++20. Rules: fixed-width members ordered by size,
 * padding named, numbers written out, append only. Host byte order unless a comment says otherwise.
 * tests/wire_abi compares every offset here with the BTF of the built objects. */
#ifndef SOCKSCOPE_WIRE_RECORD_H
#define SOCKSCOPE_WIRE_RECORD_H

#ifndef __bpf__
#include <stdint.h>
#endif

#ifdef __cplusplus
#define WIRE_ASSERT(condition) static_assert(condition, #condition)
#else
#define WIRE_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* wire_header.type. 1 to 4 are the numbers that NetWatch's record already used. */
#define WIRE_CONNECT_V4 1u     /* wire_flow: outbound connection established; value = latency, us */
#define WIRE_CONNECT_V6 2u     /* the same, IPv6 */
#define WIRE_ACCEPT 3u         /* wire_flow: inbound connection established */
#define WIRE_CLOSE 4u          /* wire_flow_totals: connection or UDP socket closed; value, extra:
                                * as WIRE_SOCKET */
#define WIRE_CONNECT_FAILED 5u /* wire_flow_totals: value = errno, 0 unknown; extra = latency, us */
#define WIRE_RETRANSMIT 6u     /* wire_retransmit: value = retransmits of the connection so far */
#define WIRE_RESET 7u          /* wire_flow: value = WIRE_SENT or WIRE_RECEIVED */
#define WIRE_OWNER 8u          /* wire_flow: another process uses the connection now */
#define WIRE_ATTEMPT 9u        /* wire_flow: SYN about to be sent */
#define WIRE_STATE 10u         /* wire_flow: TCP state change old_state -> state */
#define WIRE_DATA 11u          /* wire_flow: value = bytes, extra = WIRE_SENT or WIRE_RECEIVED */
#define WIRE_SOCKET 12u        /* wire_flow_totals: one socket of a pass (iterators only); extra =
                                * the TCP state in which the connection opened, if no other record
                                * says that it did, else 0; value = latency, as WIRE_CONNECT_V4 */
#define WIRE_COUNTERS 13u      /* wire_counters: a shorter WIRE_SOCKET, of announced connections */
#define WIRE_FORK 14u          /* wire_process: a process was made; threads are not reported */
#define WIRE_EXEC 15u          /* wire_exec */
#define WIRE_EXIT 16u          /* wire_process: the last of its threads ended */
#define WIRE_COMM 17u          /* wire_process: renamed, not by exec */
#define WIRE_COREDUMP 18u      /* wire_process: a signal that dumps core is about to end it */
#define WIRE_PROCESS 19u       /* wire_process: a process that exists (iterator only) */
#define WIRE_HOLDER 20u        /* wire_holder (iterator only) */
#define WIRE_UID 21u           /* wire_process_change: value = real, extra = effective */
#define WIRE_GID 22u           /* wire_process_change: the same */
#define WIRE_SID 23u           /* wire_process_change: became leader of a session of its own */
#define WIRE_PTRACE 24u        /* wire_process_change: value = tracer's pid or 0, extra = its tid */
#define WIRE_DNS 25u           /* wire_dns, followed by the bytes of the message */
#define WIRE_REFUSED 26u       /* wire_flow: SYN that met no listener; value = untold before it */
/* 27 was in use until 0.1.0 */
#define WIRE_DATAGRAM 28u      /* wire_datagram: a datagram was sent that may be QUIC */
#define WIRE_LISTENER 29u      /* wire_listener: a WIRE_SOCKET that listens, of another namespace */
#define WIRE_TYPE_END 30u      /* first number not in use */

#define WIRE_RECEIVED 0u
#define WIRE_SENT 1u

/* wire_flow.direction */
#define WIRE_DIRECTION_UNKNOWN 0u
#define WIRE_DIRECTION_OUTBOUND 1u
#define WIRE_DIRECTION_INBOUND 2u
#define WIRE_DIRECTION_LISTEN 3u

/* wire_flow.owner: how pid is known */
#define WIRE_OWNER_UNKNOWN 0u
#define WIRE_OWNER_EXACT 1u     /* the process itself was running when it touched the socket */
#define WIRE_OWNER_INHERITED 2u /* copied from the listening socket */
#define WIRE_OWNER_BOOTSTRAP 3u /* found holding the socket when sockscope started */
#define WIRE_OWNER_KERNEL 4u    /* the kernel made the socket for itself; pid is 0 */

/* wire_flow_totals.ipv6_only */
#define WIRE_IPV6_OPEN 1u /* IPv4 too, mapped into IPv6 */
#define WIRE_IPV6_ONLY 2u

#define WIRE_TCP_STATE_LAST 12u /* highest TCP state number of the kernel */
#define WIRE_UID_UNKNOWN 0xffffffffu

struct wire_header {
  uint16_t type;
  uint16_t size;    /* of the whole record, header included */
  uint32_t netns;   /* inode number of the network namespace */
  uint64_t mono_ns; /* CLOCK_MONOTONIC */
};
WIRE_ASSERT(sizeof(struct wire_header) == 16);
WIRE_ASSERT(__builtin_offsetof(struct wire_header, mono_ns) == 8);

struct wire_flow {
  struct wire_header header;
  uint64_t cookie;           /* socket cookie; 0: the kernel has none (yet) */
  uint64_t since_ns;         /* CLOCK_MONOTONIC of establishment or creation; 0: before sockscope */
  uint64_t cgroup_id;        /* of the owner, cgroup v2; 0: unknown */
  uint64_t process_start_ns; /* CLOCK_BOOTTIME start of the owner's group leader; 0: unknown */
  uint8_t local_addr[16];    /* network order; IPv4 uses the first four */
  uint8_t remote_addr[16];   /* network order */
  uint16_t local_port;
  uint16_t remote_port;
  uint8_t family;    /* AF_INET 2, AF_INET6 10 */
  uint8_t protocol;  /* IPPROTO_TCP 6, IPPROTO_UDP 17 */
  uint8_t state;     /* kernel's TCP state number; for UDP 0 */
  uint8_t old_state; /* WIRE_STATE, WIRE_CLOSE: the state before */
  uint8_t direction; /* WIRE_DIRECTION_ */
  uint8_t owner;     /* WIRE_OWNER_ */
  uint16_t interface; /* bound to, or passed by this packet; 0: none, or above 65535 */
  uint32_t pid; /* thread group that uses the socket; 0: unknown */
  uint32_t opener_pid; /* thread group that connected, accepted or created; 0: unknown */
  uint32_t uid;        /* of the owner, else of the socket; WIRE_UID_UNKNOWN */
  uint32_t value;      /* meaning depends on the type, above */
  uint32_t extra;      /* meaning depends on the type, above */
  uint32_t local_isn;  /* TCP: initial sequence number of this end; 0, like the next: not known */
  uint32_t remote_isn; /* of the other end */
  char comm[16];       /* name of the owner's group leader, NUL-terminated */
};
WIRE_ASSERT(sizeof(struct wire_flow) == 136);
WIRE_ASSERT(__builtin_offsetof(struct wire_flow, comm) == 120);

struct wire_flow_totals {
  struct wire_flow flow;
  uint64_t tx_bytes; /* TCP: payload sent at least once; UDP: payload since it is observed */
  uint64_t rx_bytes; /* TCP: payload received in order; UDP: payload read by the process */
  uint64_t tx_segments; /* TCP segments, UDP datagrams */
  uint64_t rx_segments;
  uint32_t retransmits; /* segments */
  uint32_t srtt_us;     /* 0: not measured */
  uint32_t min_rtt_us;  /* 0: not measured */
  uint8_t ipv6_only; /* WIRE_SOCKET, of an IPv6 socket that listens or is not connected; else 0 */
  uint8_t pad0[3];
};
WIRE_ASSERT(sizeof(struct wire_flow_totals) == 184);
WIRE_ASSERT(__builtin_offsetof(struct wire_flow_totals, ipv6_only) == 180);
WIRE_ASSERT(__builtin_offsetof(struct wire_flow_totals, min_rtt_us) == 176);

/* A listening TCP socket of a network namespace that sock_diag here does not show. */
struct wire_listener {
  struct wire_flow_totals totals;
  uint32_t drops;   /* connections, and requests for them, that it dropped since it was created */
  uint32_t waiting; /* connections that wait to be accepted */
  uint32_t backlog; /* how many may wait */
  uint32_t pad0;
};
WIRE_ASSERT(sizeof(struct wire_listener) == 200);
WIRE_ASSERT(__builtin_offsetof(struct wire_listener, backlog) == 192);

struct wire_retransmit {
  struct wire_flow flow;
  uint32_t sequence;     /* of the first byte sent again */
  uint32_t window;       /* congestion window in segments; 0: not a full socket, nothing known */
  uint32_t prior_window; /* before the loss that TCP is recovering from; 0: no recovery */
  uint32_t segments; /* sent again with this call; 0: not known */
};
WIRE_ASSERT(sizeof(struct wire_retransmit) == 152);
WIRE_ASSERT(__builtin_offsetof(struct wire_retransmit, prior_window) == 144);

/* An established TCP connection in a short pass: without what its events have already said. */
struct wire_counters {
  struct wire_header header;
  uint64_t cookie;
  uint64_t tx_bytes;
  uint64_t rx_bytes;
  uint32_t tx_segments;
  uint32_t rx_segments;
  uint32_t retransmits;
  uint32_t srtt_us;
  uint32_t min_rtt_us;
  uint8_t state;
  uint8_t pad0[3];
};
WIRE_ASSERT(sizeof(struct wire_counters) == 64);
WIRE_ASSERT(__builtin_offsetof(struct wire_counters, state) == 60);

/* header.netns: of the process */
struct wire_process {
  struct wire_header header;
  uint64_t start_ns;  /* CLOCK_BOOTTIME start of the group leader: with pid, its identity */
  uint64_t cgroup_id; /* cgroup v2 */
  uint32_t pid;       /* thread group */
  uint32_t tid;       /* WIRE_EXIT: the last thread; else as pid */
  uint32_t parent_pid;
  uint32_t parent_tid;
  uint32_t session;
  uint32_t inner_pid; /* in its innermost pid namespace; 0: it has only the host's */
  uint32_t uid;       /* effective */
  uint32_t gid;
  uint32_t exit_status; /* WIRE_EXIT: as waitpid(2) tells it */
  uint32_t exit_signal; /* the signal its parent gets */
  uint32_t cpu;
  uint32_t pad0;
  char comm[16];
};
WIRE_ASSERT(sizeof(struct wire_process) == 96);
WIRE_ASSERT(__builtin_offsetof(struct wire_process, comm) == 80);

#define WIRE_FILENAME 128u
#define WIRE_ARGUMENTS 256u
#define WIRE_PATH 512u

struct wire_exec {
  struct wire_process process;
  uint32_t arguments_size; /* of all arguments; `arguments` may hold fewer */
  uint16_t path_size;      /* bytes of `path` */
  uint8_t path_whole;      /* 0: the path does not fit, or cannot be read */
  uint8_t path_deleted;    /* 1: no folder has the file, or no longer */
  char filename[WIRE_FILENAME]; /* as given to exec; cut to fit */
  char arguments[WIRE_ARGUMENTS]; /* a NUL behind each */
  char path[WIRE_PATH]; /* the executable's name and its folders' names up to the root, a NUL behind
                         * each */
};
WIRE_ASSERT(sizeof(struct wire_exec) == 1000);
WIRE_ASSERT(__builtin_offsetof(struct wire_exec, arguments) == 232);
WIRE_ASSERT(__builtin_offsetof(struct wire_exec, path) == 488);

struct wire_process_change {
  struct wire_process process; /* as it is after the change */
  uint32_t value;              /* meaning depends on the type, above */
  uint32_t extra;              /* meaning depends on the type, above */
};
WIRE_ASSERT(sizeof(struct wire_process_change) == 104);
WIRE_ASSERT(__builtin_offsetof(struct wire_process_change, extra) == 100);

/* One open file of a process that is a TCP or UDP socket. */
struct wire_holder {
  struct wire_header header;
  uint64_t cookie;
  uint64_t start_ns;
  uint32_t pid;
  uint32_t fd;
  char comm[16];
};
WIRE_ASSERT(sizeof(struct wire_holder) == 56);
WIRE_ASSERT(__builtin_offsetof(struct wire_holder, comm) == 40);

#define WIRE_DNS_PORT 53u
#define WIRE_DNS_LITTLE 512u /* enough for most; a record has room for this or WIRE_DNS_MOST */
#define WIRE_DNS_MOST 4096u

/* The part that is captured of one packet from or to port 53. flow: the socket, with the ends of
 * this packet; flow.extra = WIRE_SENT or WIRE_RECEIVED. `captured` bytes follow the structure. */
struct wire_dns {
  struct wire_flow flow;
  uint32_t payload_size; /* bytes after the UDP or TCP header */
  uint32_t captured;     /* how many of them follow, at most WIRE_DNS_MOST */
  uint32_t sequence;     /* TCP: sequence number of the first byte */
  uint32_t pad0;
};
WIRE_ASSERT(sizeof(struct wire_dns) == 152);
WIRE_ASSERT(__builtin_offsetof(struct wire_dns, sequence) == 144);

/* Not a record: key and value of the map of remote ends of unconnected UDP sockets. */
struct wire_udp_peer_key {
  uint64_t cookie;         /* of the socket */
  uint8_t remote_addr[16]; /* network order; IPv4 uses the first four */
  uint16_t remote_port;    /* network order */
  uint8_t family; /* of the datagrams: AF_INET also where an IPv6 socket exchanges IPv4 */
  uint8_t pad0;
  uint32_t interface; /* that the datagrams pass, for addresses that are valid on one link only */
};
WIRE_ASSERT(sizeof(struct wire_udp_peer_key) == 32);

struct wire_udp_peer {
  uint64_t tx_bytes; /* payload that left the socket, before it was cut into fragments */
  uint64_t rx_bytes; /* payload that reached the socket, read by the process or not */
  uint64_t tx_datagrams;
  uint64_t rx_datagrams;
  uint64_t since_ns; /* CLOCK_MONOTONIC of the first datagram */
};
WIRE_ASSERT(sizeof(struct wire_udp_peer) == 40);

#define WIRE_DATAGRAM_START 64u

struct wire_datagram {
  struct wire_header header;
  uint64_t cookie;       /* of the socket */
  uint32_t payload_size; /* of the datagram, at least WIRE_DATAGRAM_START */
  uint32_t pad0;
  uint8_t start[WIRE_DATAGRAM_START]; /* of the payload */
};
WIRE_ASSERT(sizeof(struct wire_datagram) == 96);
WIRE_ASSERT(__builtin_offsetof(struct wire_datagram, start) == 32);

#endif
