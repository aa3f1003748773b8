#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <string>

#include "foretell/error.h"

namespace foretell {
namespace {

constexpr size_t huge_page = size_t{2} << 20;

}  // namespace

AlignedBytes::AlignedBytes(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  const bool huge = bytes >= huge_page;
  mapped_ = huge ? bytes + huge_page : bytes;
  if (mapped_ < bytes) throw Error({.what = "out of memory", .found = std::to_string(bytes) + " bytes asked for"});
  mapping_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    throw Error({.what = "out of memory", .found = std::to_string(bytes) + " bytes asked for"});
  }
  auto address = reinterpret_cast<uintptr_t>(mapping_);
  if (huge) {
    address = (address + huge_page - 1) / huge_page * huge_page;
    ::madvise(reinterpret_cast<void*>(address), bytes, MADV_HUGEPAGE);
  }
  data_ = reinterpret_cast<std::byte*>(address);
}

AlignedBytes::~AlignedBytes() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapped_);
}

AlignedBytes& AlignedBytes::operator=(AlignedBytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapping_, other.mapping_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

}  // namespace foretell
