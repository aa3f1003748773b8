// Goes on from a text: consumer MODEL TEXT
#include <foretell/foretell.h>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: consumer MODEL TEXT\n";
    return 2;
  }
  foretell::TextGenerator generator = foretell::TextGenerator::load(argv[1]);
  foretell::GenerateOptions options = generator.options();  // the publisher's
  options.max_tokens = 32;
  options.sampling.seed = 7;
  generator.generate(argv[2], options, [](std::string_view text) { std::cout << text << std::flush; });
  std::cout << '\n';
} catch (const foretell::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
