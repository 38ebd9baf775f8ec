// SPDX-License-Identifier: Apache-2.0
#include "format/doctor.h"

#include <algorithm>

#include "format/json_buffer.h"
#include "format/json_text.h"

namespace sockscope {
namespace {

using Writer = json::PrettyWriter<json::Buffer>;

void write_text(Writer& writer, const char* name, std::string_view text) {
  writer.Key(name);
  if (text.empty()) {
    writer.Null();
    return;
  }
  const std::string json = json_quoted(text);
  writer.RawValue(json.data(), json.size(), rapidjson::kStringType);
}

}  // namespace

std::vector<Diagnosis> diagnose(const std::vector<Door>& doors) {
  std::vector<Diagnosis> diagnoses;
  for (const Door& door : doors) {
    auto found = std::find_if(diagnoses.begin(), diagnoses.end(), [&](const Diagnosis& known) {
      return known.observation == door.observation;
    });
    if (found == diagnoses.end())
      found = diagnoses.insert(diagnoses.end(), Diagnosis{door.observation, nullptr, {}});
    if (door.refused.empty())
      found->in_use = &door;
    else
      found->refused.push_back(&door);
  }
  return diagnoses;
}

bool is_complete(const std::vector<Diagnosis>& diagnoses, Source source) {
  return source == Source::kEbpf &&
         std::all_of(diagnoses.begin(), diagnoses.end(),
                     [](const Diagnosis& diagnosis) { return diagnosis.in_use != nullptr; });
}

std::string doctor_json(const std::vector<Diagnosis>& diagnoses, Source source,
                        std::string_view kernel, std::string_view machine, bool is_confined) {
  json::Buffer buffer;
  Writer writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  write_text(writer, "schema", kDoctorSchema);
  write_text(writer, "kernel", kernel);
  write_text(writer, "machine", machine);
  write_text(writer, "source", to_string(source));
  writer.Key("polled");
  writer.Bool(source != Source::kEbpf);
  writer.Key("complete");
  writer.Bool(is_complete(diagnoses, source));
  write_text(writer, "confined_by", is_confined ? "seccomp" : "");
  writer.Key("observations");
  writer.StartArray();
  for (const Diagnosis& diagnosis : diagnoses) {
    writer.StartObject();
    write_text(writer, "observation", to_string(diagnosis.observation));
    write_text(writer, "door", diagnosis.in_use ? diagnosis.in_use->name : "");
    write_text(writer, "limits", diagnosis.in_use ? diagnosis.in_use->limits : "");
    writer.Key("refused");
    writer.StartArray();
    for (const Door* door : diagnosis.refused) {
      writer.StartObject();
      write_text(writer, "door", door->name);
      write_text(writer, "reason", door->refused);
      write_text(writer, "advice", door->advice);
      writer.EndObject();
    }
    writer.EndArray();
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace sockscope
