// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sockscope {

// The whole program. Returns the exit code: 0 done, 1 failed, 2 wrong usage, 3 something could not
// be observed (--strict), 4 not permitted, 5 the kernel lacks something.
int run(int argc, char** argv);

}  // namespace sockscope
