// SPDX-License-Identifier: Apache-2.0
#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <fstream>
#include <sstream>

#include "format/schema_testing.h"

namespace sockscope {
namespace {

std::string text_of(const rapidjson::Pointer& pointer) {
  rapidjson::StringBuffer buffer;
  pointer.StringifyUriFragment(buffer);
  return buffer.GetString();
}

}  // namespace

std::string docs_file(std::string_view path) {
  std::ifstream file(std::string(DOCS_DIRECTORY "/") + std::string(path));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string schema_problem(std::string_view schema, std::string_view json) {
  const std::string path = "schema/" + std::string(schema) + ".schema.json";
  rapidjson::Document description;
  if (description.Parse(docs_file(path).c_str()).HasParseError()) return path + " is no schema";
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
