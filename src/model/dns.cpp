// SPDX-License-Identifier: Apache-2.0
#include <sockscope/dns.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace sockscope {
namespace {

using Named = std::pair<std::uint16_t, std::string_view>;

// The types seen in practice, from https://www.iana.org/assignments/dns-parameters.
constexpr std::array kTypes = {
    Named{1, "A"},      Named{2, "NS"},     Named{5, "CNAME"},       Named{6, "SOA"},
    Named{10, "NULL"},  Named{12, "PTR"},   Named{13, "HINFO"},      Named{15, "MX"},
    Named{16, "TXT"},   Named{28, "AAAA"},  Named{29, "LOC"},        Named{33, "SRV"},
    Named{35, "NAPTR"}, Named{37, "CERT"},  Named{39, "DNAME"},      Named{43, "DS"},
    Named{44, "SSHFP"}, Named{46, "RRSIG"}, Named{47, "NSEC"},       Named{48, "DNSKEY"},
    Named{50, "NSEC3"}, Named{52, "TLSA"},  Named{61, "OPENPGPKEY"}, Named{64, "SVCB"},
    Named{65, "HTTPS"}, Named{99, "SPF"},   Named{251, "IXFR"},      Named{252, "AXFR"},
    Named{255, "ANY"},  Named{256, "URI"},  Named{257, "CAA"},       Named{65399, "PRIVATE"},
};

constexpr std::array kRcodes = {
    Named{0, "NOERROR"},    Named{1, "FORMERR"}, Named{2, "SERVFAIL"}, Named{3, "NXDOMAIN"},
    Named{4, "NOTIMP"},     Named{5, "REFUSED"}, Named{6, "YXDOMAIN"}, Named{7, "YXRRSET"},
    Named{8, "NXRRSET"},    Named{9, "NOTAUTH"}, Named{10, "NOTZONE"}, Named{16, "BADVERS"},
    Named{23, "BADCOOKIE"},
};

template <class Table>
std::string name_in(const Table& table, std::uint16_t number, std::string_view other) {
  for (const auto& [known, name] : table)
    if (known == number) return std::string(name);
  return std::string(other) + std::to_string(number);
}

}  // namespace

std::string dns::type_name(std::uint16_t type) {
  return name_in(kTypes, type, "TYPE");
}
std::string dns::rcode_name(std::uint16_t rcode) {
  return name_in(kRcodes, rcode, "RCODE");
}

std::string_view RemoteName::asker() const noexcept {
  return {comm.data(), ::strnlen(comm.data(), comm.size())};
}

std::string_view to_string(NameSource source) noexcept {
  switch (source) {
    case NameSource::kProcess: return "process";
    case NameSource::kHost: return "host";
    case NameSource::kReverse: break;
  }
  return "ptr";
}

}  // namespace sockscope
