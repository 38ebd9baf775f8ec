// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "source/conntrack/conntrack.h"
#include "track/translations.h"

namespace sockscope {

// The connections that netfilter translates in the caller's network namespace, as of the last
// update().
class TranslationWatcher {
 public:
  // Errors: those of Conntrack::open.
  static Result<TranslationWatcher> open();

  int fd() const noexcept { return conntrack_.fd(); }  // readable when update() has something to do
  Result<void> update();                               // errors: kIo
  const Translations& translations() const noexcept { return translations_; }
  // Gives the flow its translation, if it has one. look_again: also considers the kernel's news
  // since update().
  void translate(Flow& flow, bool look_again);
  // How often there was no room for translated connections, in the kernel or here.
  std::uint64_t lost() const noexcept { return conntrack_.overruns() + translations_.lost(); }

 private:
  TranslationWatcher(Conntrack conntrack, Translations translations, std::uint32_t netns)
      : conntrack_(std::move(conntrack)), translations_(std::move(translations)), netns_(netns) {}

  Conntrack conntrack_;
  Translations translations_;
  std::uint32_t netns_;
};

}  // namespace sockscope
