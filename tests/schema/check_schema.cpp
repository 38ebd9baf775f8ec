// SPDX-License-Identifier: Apache-2.0
// check_schema NAME: reports what in standard input, one document a line, does not fit
// docs/schema/NAME.schema.json. For the tests of the program.
#include <iostream>
#include <string>

#include "format/schema_testing.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  int failed = 0;
  std::size_t documents = 0;
  for (std::string line; std::getline(std::cin, line); ++documents) {
    const std::string problem = sockscope::schema_problem(argv[1], line);
    if (problem.empty()) continue;
    std::cout << "document " << documents << ": " << problem << '\n';
    failed = 1;
  }
  if (documents == 0) {
    std::cout << "no documents\n";
    return 1;
  }
  return failed;
}
