// SPDX-License-Identifier: Apache-2.0
#include "store/schema.h"

namespace sockscope::store {

// docs/history-format.md explains every column.
const char* const kSchema = R"sql(
CREATE TABLE info(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE clock(mono_ns INTEGER PRIMARY KEY, wall_ns INTEGER NOT NULL);
CREATE TABLE process(
  id INTEGER PRIMARY KEY, pid INTEGER, start_ns INTEGER, comm TEXT, uid INTEGER, ppid INTEGER,
  parents TEXT, exe TEXT, arguments TEXT, unit TEXT, container TEXT, container_id TEXT,
  pod TEXT, cgroup TEXT, netns INTEGER);
CREATE TABLE address(id INTEGER PRIMARY KEY, ip BLOB NOT NULL, zone TEXT NOT NULL, UNIQUE(ip, zone));
CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE flow(
  id INTEGER PRIMARY KEY, cookie INTEGER, conn_id INTEGER, netns INTEGER, proto INTEGER NOT NULL,
  direction INTEGER, local INTEGER NOT NULL, local_port INTEGER NOT NULL, remote INTEGER,
  remote_port INTEGER, process INTEGER, opener_pid INTEGER, owner INTEGER NOT NULL,
  remote_name INTEGER, opened_ns INTEGER, closed_ns INTEGER, is_whole INTEGER NOT NULL,
  state INTEGER, tx_bytes INTEGER, rx_bytes INTEGER, tx_segments INTEGER, rx_segments INTEGER,
  retransmits INTEGER, srtt_us INTEGER, min_rtt_us INTEGER);
CREATE INDEX flow_remote ON flow(remote);
CREATE TABLE before(
  flow INTEGER PRIMARY KEY, tx_bytes INTEGER, rx_bytes INTEGER, tx_segments INTEGER,
  rx_segments INTEGER, retransmits INTEGER);
CREATE TABLE delta(
  id INTEGER PRIMARY KEY, flow INTEGER NOT NULL, process INTEGER, state INTEGER, tx_bytes INTEGER,
  rx_bytes INTEGER, tx_segments INTEGER, rx_segments INTEGER, retransmits INTEGER,
  srtt_us INTEGER);
CREATE TABLE failure(
  id INTEGER PRIMARY KEY, proto INTEGER NOT NULL, netns INTEGER, local INTEGER, local_port INTEGER,
  remote INTEGER, remote_port INTEGER, process INTEGER, remote_name INTEGER, error INTEGER,
  latency_us INTEGER);
CREATE INDEX failure_remote ON failure(remote);
CREATE TABLE gap(id INTEGER PRIMARY KEY, from_ns INTEGER NOT NULL, reason TEXT NOT NULL,
  count INTEGER);
CREATE TABLE sample(id INTEGER PRIMARY KEY, wall_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL,
  open_flows INTEGER NOT NULL, lost INTEGER NOT NULL);
)sql";

}  // namespace sockscope::store
