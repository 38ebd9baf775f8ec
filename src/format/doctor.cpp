// SPDX-License-Identifier: Apache-2.0
#include "format/doctor.h"

#include "format/json_buffer.h"
#include "format/json_fields.h"

namespace sockscope {

std::string doctor_json(const std::vector<Diagnosis>& diagnoses, Source source,
                        std::string_view kernel, std::string_view machine, bool is_confined) {
  json::Buffer buffer;
  json::PrettyWriter<json::Buffer> writer(buffer);
  json::Fields fields(writer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  fields.text("schema", kDoctorSchema);
  fields.foreign_text("kernel", kernel);
  fields.foreign_text("machine", machine);
  json::write_source(writer, source);
  fields.truth("complete", is_complete(diagnoses, source));
  fields.text_or_null("confined_by", is_confined ? "seccomp" : "");
  fields.objects("observations", diagnoses, [&](const Diagnosis& diagnosis) {
    static const Door kNone;
    const Door& in_use = diagnosis.in_use ? *diagnosis.in_use : kNone;
    fields.text("observation", to_string(diagnosis.observation));
    fields.foreign_text("door", in_use.name);
    fields.foreign_text("limits", in_use.limits);
    fields.objects("refused", diagnosis.refused, [&](const Door* door) {
      fields.foreign_text("door", door->name);
      fields.foreign_text("reason", door->refused);
      fields.foreign_text("advice", door->advice);
    });
  });
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace sockscope
