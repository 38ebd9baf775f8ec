// SPDX-License-Identifier: Apache-2.0
// What the kernel's connection tracking says of one connection. Pure; lengths in the data are not
// trusted.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "model/conntrack_entry.h"

namespace sockscope {

// The payload of an IPCTNL_MSG_CT_NEW or _DELETE. Empty: neither TCP nor UDP, or incomplete, or in
// a zone of its own, where the same addresses mean other connections.
std::optional<ConntrackEntry> decode_conntrack(std::span<const std::byte> payload);

}  // namespace sockscope
