// SPDX-License-Identifier: Apache-2.0
#include "cli/config_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

// Included only in this file, because it takes seconds to compile. Errors are values here too.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
// With malformed text ("[%") one of its assertions is false, and without assertions the compiler
// would rely on it. So assertions do nothing here; later code finds the mistake.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

namespace sockscope {
namespace {

using Problem = std::optional<ConfigProblem>;

unsigned line_of(const toml::node& node) {
  return node.source().begin.line;
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "a list";
    case toml::node_type::string: return "text";
    case toml::node_type::integer:
    case toml::node_type::floating_point: return "a number";
    case toml::node_type::boolean: return "true or false";
    case toml::node_type::none: break;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time: return "a date";
  }
  return "nothing";
}

// toml++ 3.3 has undefined behaviour where it looks for spaces and meets a character beyond ASCII,
// so it gets none: each of their bytes becomes ~ and two digits, and so does ~ itself.
std::string encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || c == '~')
      out += fmt::format("~{:02X}", byte);
    else
      out += c;
  }
  return out;
}

std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    if (text[i] == '~' && digits.size() == 2 &&
        std::from_chars(digits.data(), digits.data() + 2, byte, 16).ptr == digits.data() + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// A value as one would type it.
std::optional<std::string> scalar(const toml::node& node) {
  if (const auto* text = node.as_string()) return decode(text->get());
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  return std::nullopt;
}

Problem add(const std::string& section, const std::string& name, const toml::node& node,
            std::vector<Setting>& settings) {
  Setting setting{section, name, Setting::Kind::kText, {}, line_of(node)};
  const auto wrong = [&](const toml::node& where, std::string_view wanted) {
    return ConfigProblem{line_of(where),
                         fmt::format("'{}' in [{}] cannot be {}", name, section, type_name(where)),
                         fmt::format("it may be {}", wanted)};
  };
  if (const toml::table* table = node.as_table()) {
    for (const auto& [key, below] : *table)
      if (Problem problem = add(section, name + '.' + decode(key.str()), below, settings))
        return problem;
    return std::nullopt;
  }
  if (const auto* flag = node.as_boolean()) {
    setting.kind = Setting::Kind::kFlag;
    setting.values.push_back(flag->get() ? "true" : "false");
  } else if (const toml::array* list = node.as_array()) {
    setting.kind = Setting::Kind::kList;
    for (const toml::node& each : *list) {
      auto value = scalar(each);
      if (!value) return wrong(each, "a list of texts");
      setting.values.push_back(std::move(*value));
    }
  } else if (auto value = scalar(node)) {
    setting.kind = node.is_number() ? Setting::Kind::kNumber : Setting::Kind::kText;
    setting.values.push_back(std::move(*value));
  } else {
    return wrong(node, "text, a number, true, false or a list of texts");
  }
  settings.push_back(std::move(setting));
  return std::nullopt;
}

}  // namespace

tl::expected<std::vector<Setting>, ConfigProblem> parse_config(std::string_view text) {
  if (text.size() > kMostConfigBytes)
    return tl::make_unexpected(ConfigProblem{0, "it is too large", "1 MiB are allowed"});
  const toml::parse_result parsed = toml::parse(encode(text));
  if (!parsed)
    return tl::make_unexpected(ConfigProblem{parsed.error().source().begin.line, "it is not TOML",
                                             decode(parsed.error().description())});
  std::vector<Setting> settings;
  for (const auto& [key, node] : parsed.table()) {
    const std::string section = decode(key.str());
    const toml::table* table = node.as_table();
    if (table == nullptr)
      return tl::make_unexpected(
          ConfigProblem{line_of(node), fmt::format("'{}' stands in no section", section),
                        "sections are [common], [top], [alerts] and [keys]"});
    // Even an empty table may have an unknown name.
    if (table->empty()) settings.push_back({section, "", Setting::Kind::kList, {}, line_of(node)});
    for (const auto& [name, below] : *table)
      if (Problem problem = add(section, decode(name.str()), below, settings))
        return tl::make_unexpected(std::move(*problem));
  }
  // toml++ orders tables by name; this restores the order of the file.
  std::stable_sort(settings.begin(), settings.end(),
                   [](const Setting& a, const Setting& b) { return a.line < b.line; });
  return settings;
}

}  // namespace sockscope
