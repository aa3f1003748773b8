#include "kernels/dispatch.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <string>

#include "foretell/error.h"

namespace foretell::kernels {
namespace {

struct Candidate {
  std::string_view name;
  const Table* table;  // null: not in this build
  bool runs;           // the processor and the operating system (CPUID and XGETBV) have what it needs
};

#if defined(__x86_64__)
bool has_f16c() {  // Clang 14's __builtin_cpu_supports does not know this name
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

bool has_avx_vnni() {  // nor this one
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned bit = 1 << 4;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & bit) != 0;
}
#endif

std::vector<Candidate> candidates() {  // best first
  std::vector<Candidate> list;
#if defined(__x86_64__)
  __builtin_cpu_init();
  list.push_back({"avx512", avx512_table(),
                  __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vnni")});
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  list.push_back({"avxvnni", avxvnni_table(), avx2 && has_avx_vnni()});
  list.push_back({"avx2", avx2_table(), avx2});
#else
  list.push_back({"avx512", nullptr, false});
  list.push_back({"avxvnni", nullptr, false});
  list.push_back({"avx2", nullptr, false});
#endif
  list.push_back({"portable", portable_table(), true});
  return list;
}

}  // namespace

std::vector<const Table*> usable_tables() {
  std::vector<const Table*> tables;
  for (const Candidate& c : candidates())
    if (c.runs) tables.push_back(c.table);
  return tables;
}

const Table& select_table(std::string_view name) {
  if (name.empty()) return *usable_tables().front();
  std::string known;
  for (const Candidate& c : candidates()) {
    if (c.name == name) {
      if (c.runs) return *c.table;
      throw Error({.what = "this machine cannot run the instruction set " + std::string(name)});
    }
    known += (known.empty() ? "" : ", ") + std::string(c.name);
  }
  throw Error(
      {.what = "unknown instruction set", .expected = "one of " + known, .found = "\"" + std::string(name) + "\""});
}

}  // namespace foretell::kernels
