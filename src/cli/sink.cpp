// SPDX-License-Identifier: Apache-2.0
#include "cli/sink.h"

namespace sockscope {

Sinks make_sinks(const Arguments& arguments, Output& output, const HostId& host,
                 const std::function<std::unique_ptr<Sink>()>& own,
                 std::optional<Excerpt> excerpt) {
  return Sinks(arguments.is_json() ? make_json_sink(output, host, std::move(excerpt)) : own());
}

}  // namespace sockscope
