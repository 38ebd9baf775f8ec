/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What user space tells the kernel programs (wire_config: set before they load, constant after
 * that), and what both sides write while running (wire_control: one page, shared through a
 * memory-mapped array map). */
#ifndef SOCKSCOPE_WIRE_CONTROL_H
#define SOCKSCOPE_WIRE_CONTROL_H

#include "wire/record.h"

/* wire_config.observe: optional records */
#define WIRE_OBSERVE_ATTEMPTS 1u
#define WIRE_OBSERVE_STATES 2u
#define WIRE_OBSERVE_DATA 4u

#define WIRE_FILTER_PIDS 16u
#define WIRE_FILTER_PORTS 16u

/* wire_config.states_in */
#define WIRE_STATES_IN_STORAGE 0u  /* with the socket, as the kernel offers */
#define WIRE_STATES_BY_PROTOCOL 1u /* TCP's in a hash by the socket's address, UDP's in storage */
#define WIRE_STATES_IN_HASH 2u

/* The timer slack of a thread while it reads iter/task_file. It marks the thread for the programs
 * of every sockscope on the host, and is a value that no other program is likely to use. */
#define WIRE_PASS_TIMER_SLACK_NS 51713ul

/* wire_config.udp_in_packets, udp_in_calls */
#define WIRE_UDP_SENT 1u
#define WIRE_UDP_RECEIVED 2u

struct wire_port_range {
  uint16_t first;
  uint16_t last; /* inclusive */
};
WIRE_ASSERT(sizeof(struct wire_port_range) == 4);

struct wire_config {
  uint32_t observe;     /* WIRE_OBSERVE_ */
  uint32_t home_netns;  /* the network namespace that iter/tcp and iter/udp show */
  uint32_t pid_count;   /* WIRE_DATA only for these processes; 0: any */
  uint32_t pids[WIRE_FILTER_PIDS];
  uint32_t any_port_count; /* WIRE_DATA only for these ports; 0: any */
  uint32_t local_port_count;
  uint32_t remote_port_count;
  struct wire_port_range any_ports[WIRE_FILTER_PORTS];
  struct wire_port_range local_ports[WIRE_FILTER_PORTS];
  struct wire_port_range remote_ports[WIRE_FILTER_PORTS];
  char comm[16]; /* WIRE_DATA only for this name; empty: any */
  uint8_t states_in;          /* WIRE_STATES_: where the states of sockets are kept */
  uint8_t has_cookies;        /* 1: tracing programs may ask for a socket's cookie (5.12) */
  uint8_t tcp_recvmsg_args;   /* how many parameters each of these functions has in this kernel */
  uint8_t udp_recvmsg_args;   /* before 5.19 one more, in front of the flags */
  uint8_t udpv6_recvmsg_args;
  uint8_t accept_args;
  uint8_t forget_at_close;    /* 1: nothing tells when the kernel destroys a TCP socket */
  uint8_t udp_peers;          /* 1: remote ends of unconnected UDP sockets are counted */
  uint8_t mptcp_owners;       /* 1: owners of MPTCP sockets are kept, in the hash */
  uint8_t udp_in_packets;     /* WIRE_UDP_: which of UDP's bytes are counted in packets */
  uint8_t dns;                /* 1: packets of port 53 are reported */
  uint8_t udp_in_calls;       /* WIRE_UDP_: which are counted by the programs for calls */
  uint8_t tcp_in_calls;       /* 1: those programs note who uses a TCP connection */
  uint8_t asked_servers;      /* 1: the name server that an unconnected socket asks is noted */
  uint8_t late_openings;      /* 1: no record of its own says that a TCP connection opened */
  uint8_t pad0[1];
};
WIRE_ASSERT(sizeof(struct wire_config) == 312);
WIRE_ASSERT(__builtin_offsetof(struct wire_config, accept_args) == 301);

#define WIRE_PASS_WHOLE 0u
#define WIRE_PASS_SHORT 1u     /* iter/tcp writes wire_counters for established connections */
#define WIRE_PASS_LISTENERS 2u /* of other network namespaces only listening TCP sockets */

struct wire_control {
  uint64_t lost_ring[32];  /* records that found the ring full, by wire_header.type */
  uint64_t lost_storage;   /* times a socket's state could not be created */
  uint64_t missed_returns; /* calls whose end was not seen, because there were too few kretprobes */
  uint32_t reader_waiting; /* set by the reader before it sleeps, cleared by who wakes it */
  uint32_t foreign_netns;  /* 1: some socket was seen outside home_netns */
  uint32_t pass_kind; /* WIRE_PASS_ */
  uint32_t file_pass;  /* number of the pass over open files; 0: the first one */
  uint64_t peers_made; /* entries put into the map of UDP peers */
  uint64_t earlier_pass_ns; /* when the previous pass over open files began */
  uint8_t pass;         /* number of the pass over sockets, from 1 to 255, with late_openings */
  uint8_t earlier_pass; /* the number of the one before */
  uint8_t pad0[6];
};
WIRE_ASSERT(WIRE_TYPE_END <= 32);
WIRE_ASSERT(sizeof(struct wire_control) == 312);
WIRE_ASSERT(__builtin_offsetof(struct wire_control, foreign_netns) == 276);

#endif
