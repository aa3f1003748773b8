// Zeroed memory for weights, caches and scratch: aligned to a cache line, and in huge pages where the system has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace foretell {

// Owns anonymous pages, which the system provides as they are first touched. Move-only. Throws Error where the address
// space cannot be had.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(size_t bytes);
  ~AlignedBytes();
  AlignedBytes(AlignedBytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        mapping_(std::exchange(other.mapping_, nullptr)),
        mapped_(std::exchange(other.mapped_, 0)) {}
  AlignedBytes& operator=(AlignedBytes&& other) noexcept;

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  void* mapping_ = nullptr;
  size_t mapped_ = 0;
};

template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(int64_t count) : bytes_(static_cast<size_t>(count) * sizeof(T)) {}
  T* data() const { return reinterpret_cast<T*>(bytes_.data()); }
  int64_t size() const { return static_cast<int64_t>(bytes_.size() / sizeof(T)); }
  T& operator[](int64_t i) const { return data()[i]; }

 private:
  AlignedBytes bytes_;
};

}  // namespace foretell
