// Runs a fuzz target where there is no libFuzzer: over every file of a corpus, then over mutations of them that are the
// same in every run.
//
//     NAME_fuzz CORPUS                 all files and the default number of mutations
//     NAME_fuzz CORPUS COUNT [FIRST]   all files and mutations FIRST .. FIRST + COUNT - 1
//
// A crash is followed by a line that says which input it was. COUNT 1 and that number run it again.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// The sanitizers' own; null without them. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using Bytes = std::vector<uint8_t>;

char current_input[512];  // what the crash line says, written before each run: nothing is allocated when it is needed

void say_current_input() {
  const std::string_view text(current_input);
  (void)!write(STDERR_FILENO, text.data(), text.size());
}

extern "C" void on_crash(int signal) {
  say_current_input();
  _exit(128 + signal);
}

// SplitMix64 (Steele, Lea and Flood 2014): the standard library's distributions differ between implementations.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  size_t below(size_t n) { return n == 0 ? 0 : static_cast<size_t>(next() % n); }
  template <class T>
  const T& pick(const std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  uint64_t state_;
};

auto at(Bytes& bytes, size_t offset) { return bytes.begin() + static_cast<std::ptrdiff_t>(offset); }

// A run of digits becomes another number: sizes, offsets and counts are what parsers of text trip over.
void replace_number(Bytes& bytes, Random& random) {
  static const std::vector<std::string> numbers = {"0",
                                                   "1",
                                                   "-1",
                                                   "2",
                                                   "7",
                                                   "127",
                                                   "255",
                                                   "256",
                                                   "65536",
                                                   "2147483648",
                                                   "4294967296",
                                                   "9223372036854775807",
                                                   "18446744073709551615",
                                                   "18446744073709551616",
                                                   "1e308",
                                                   "1e999",
                                                   "0.5",
                                                   "null",
                                                   "true",
                                                   "\"\"",
                                                   "[]",
                                                   "{}"};
  const auto is_digit = [](uint8_t c) { return c >= '0' && c <= '9'; };
  const auto first = std::find_if(at(bytes, random.below(bytes.size())), bytes.end(), is_digit);
  const auto last = std::find_if_not(first, bytes.end(), is_digit);
  const std::string& number = random.pick(numbers);
  bytes.insert(bytes.erase(first, last), number.begin(), number.end());
}

// A whole little-endian integer of 1, 2, 4 or 8 bytes becomes one near a limit.
void replace_integer(Bytes& bytes, Random& random) {
  static const std::vector<uint64_t> integers = {0,
                                                 1,
                                                 0x7f,
                                                 0x80,
                                                 0xff,
                                                 0x7fff,
                                                 0xffff,
                                                 0x7fffffff,
                                                 0x80000000,
                                                 0xffffffff,
                                                 0x7fffffffffffffff,
                                                 0x8000000000000000,
                                                 ~uint64_t{0}};
  const size_t width = size_t{1} << random.below(4);
  if (bytes.size() < width) return;
  const size_t offset = random.below(bytes.size() - width + 1);
  const uint64_t value = random.pick(integers) + random.below(3) - 1;
  for (size_t i = 0; i < width; i++) bytes[offset + i] = static_cast<uint8_t>(value >> (8 * i));
}

void mutate(Bytes& bytes, const Bytes& other, Random& random) {
  if (bytes.empty()) bytes.push_back(static_cast<uint8_t>(random.next()));
  const size_t from = random.below(bytes.size()), length = 1 + random.below(std::min<size_t>(bytes.size() - from, 64));
  switch (random.below(8)) {
    case 0:
      bytes[from] ^= static_cast<uint8_t>(1U << random.below(8));
      break;
    case 1:
      bytes[from] = static_cast<uint8_t>(random.next());
      break;
    case 2:
      bytes.erase(at(bytes, from), at(bytes, from + length));
      break;
    case 3: {  // a piece once more, somewhere else
      const Bytes piece(at(bytes, from), at(bytes, from + length));
      bytes.insert(at(bytes, random.below(bytes.size() + 1)), piece.begin(), piece.end());
      break;
    }
    case 4:
      replace_number(bytes, random);
      break;
    case 5:
      replace_integer(bytes, random);
      break;
    case 6:  // the beginning of this file and the end of another
      bytes.resize(from);
      if (!other.empty())
        bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(random.below(other.size())), other.end());
      break;
    default:
      bytes.resize(from);
  }
}

void run(const Bytes& bytes, const std::string& name) {
  std::snprintf(current_input, sizeof current_input, "fuzz: stopped at %s (%zu bytes)\n", name.c_str(), bytes.size());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: %s CORPUS [COUNT [FIRST]]\n", argv[0]);
    return 2;
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(signal, on_crash);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(say_current_input);

  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[1]))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "%s: the corpus %s is empty\n", argv[0], argv[1]);
    return 1;
  }
  std::vector<Bytes> corpus;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    run(corpus.back(), file.string());
  }
  const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 20000;
  const uint64_t first = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  for (uint64_t i = first; i < first + count; i++) {
    Random random(i);
    const size_t origin = random.below(corpus.size());
    Bytes bytes = corpus[origin];
    for (size_t n = 1 + random.below(4); n > 0; n--) mutate(bytes, random.pick(corpus), random);
    run(bytes, "mutation " + std::to_string(i) + " of " + files[origin].string());
  }
  std::printf("%zu files and %llu mutations\n", files.size(), static_cast<unsigned long long>(count));
  return 0;
}
