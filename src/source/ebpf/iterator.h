// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstddef>
#include <functional>
#include <span>

struct bpf_link;

namespace sockscope {

// Makes one pass of an attached iterator. handle gets whole records, many at a time, valid during
// the call. Errors: kIo.
Result<void> read_iterator(const bpf_link* link,
                           const std::function<void(std::span<const std::byte>)>& handle);

}  // namespace sockscope
