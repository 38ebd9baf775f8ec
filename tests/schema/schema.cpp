// SPDX-License-Identifier: Apache-2.0
#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <fstream>
#include <sstream>

#include "snapshot/schema_testing.h"

namespace sockscope {
namespace {

std::string text_of(const rapidjson::Pointer& pointer) {
  rapidjson::StringBuffer buffer;
  pointer.StringifyUriFragment(buffer);
  return buffer.GetString();
}

}  // namespace

std::string schema_problem(std::string_view schema, std::string_view json) {
  const std::string path = std::string(SCHEMA_DIRECTORY "/") + std::string(schema) + ".schema.json";
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  rapidjson::Document description;
  if (!file || description.Parse(text.str().c_str()).HasParseError()) return path + " is no schema";
  const rapidjson::SchemaDocument compiled(description);
  rapidjson::Document document;
  if (document.Parse(json.data(), json.size()).HasParseError()) return "not JSON";
  rapidjson::SchemaValidator validator(compiled);
  if (document.Accept(validator)) return "";
  return text_of(validator.GetInvalidDocumentPointer()) + " breaks '" +
         validator.GetInvalidSchemaKeyword() + "' of " +
         text_of(validator.GetInvalidSchemaPointer());
}

}  // namespace sockscope
