// SPDX-License-Identifier: Apache-2.0
// Answers of a history as text, CSV and JSON.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "store/comparison.h"
#include "store/question.h"

namespace sockscope {

enum class GroupBy { kProcess, kRemote, kBoth };

using WritePiece = std::function<void(std::string_view)>;

// Sums the edges by what `by` says, the most bytes first.
void arrange_edges(store::Answer& answer, GroupBy by);

// all: how many rows there were before --top.
void write_answer(const store::Answer& answer, GroupBy by, std::size_t all,
                  const WritePiece& write);
void write_answer_csv(const store::Answer& answer, const WritePiece& write);
void write_answer_json(const store::Answer& answer, const store::Range& range,
                       std::string_view question, const WritePiece& write);

// One of two times that are compared.
struct DiffSide {
  store::Range range;
  double seconds = 0;
  const std::vector<store::Missing>& missing;
};
// top: how many rows of each kind at most; 0: all.
void write_diff(const std::vector<store::Difference>& found, const DiffSide& base,
                const DiffSide& with, std::size_t top, const WritePiece& write);
void write_diff_json(const std::vector<store::Difference>& found, const DiffSide& base,
                     const DiffSide& with, const WritePiece& write);

void write_facts(const std::vector<store::FileFacts>& facts, bool verified,
                 const WritePiece& write);
void write_facts_json(const std::vector<store::FileFacts>& facts, const WritePiece& write);

}  // namespace sockscope
