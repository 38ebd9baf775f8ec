// SPDX-License-Identifier: Apache-2.0
#include "pipeline/translation_watcher.h"

#include "base/kernel_namespace.h"

namespace sockscope {

Result<TranslationWatcher> TranslationWatcher::open() {
  Translations translations;
  auto conntrack = Conntrack::open([&](const ConntrackEntry& entry) { translations.note(entry); });
  if (!conntrack) return tl::make_unexpected(std::move(conntrack).error());
  return TranslationWatcher(std::move(*conntrack), std::move(translations), home_netns());
}

Result<void> TranslationWatcher::update() {
  return conntrack_.read([this](const ConntrackEntry& entry) { translations_.note(entry); },
                         [this](const ConntrackEntry& entry) { translations_.forget(entry); });
}

void TranslationWatcher::translate(Flow& flow, bool look_again) {
  if (flow.netns != netns_) return;
  flow.translation = translations_.of_socket(flow.protocol, flow.local, flow.remote);
  if (flow.translation || !look_again || !update()) return;
  flow.translation = translations_.of_socket(flow.protocol, flow.local, flow.remote);
}

}  // namespace sockscope
