"""Each check of check_sources.py finds what it is there for, and nothing in its absence."""

import pathlib
import subprocess
import tempfile
import unittest

from check_sources import check


class CheckSources(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()

    def write(self, **files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def command(self, file, flags=""):
        return {"directory": str(self.root), "file": str(self.root / file),
                "command": f"c++ {flags} -o unit.o -c {file}"}

    def expect(self, findings, *expected):
        self.assertEqual(len(findings), len(expected), findings)
        for finding, (place, what) in zip(findings, expected):
            self.assertTrue(finding.startswith(place + ": "), finding)
            self.assertIn(what, finding)

    def test_includes_downwards_are_fine(self):
        self.write(**{
            "include/foretell/error.h": "#include <string>\n",
            "include/foretell/model.h": '#include "foretell/error.h"\n',
            "src/base/a.h": '#include "foretell/error.h"\n',
            "src/model/b.h": '#include "base/a.h"\n#include "model/c.h"\n',
            "src/model/c.h": "",
            "src/cli/d.cpp": '#include "model/b.h"\n#include <nlohmann/json.hpp>\n',
        })
        self.expect(check(self.root))

    def test_includes_upwards_and_sideways(self):
        self.write(**{
            "include/foretell/model.h": '#include "base/a.h"\n',
            "src/base/a.h": '\n#  include <foretell/model.h>\n',
            "src/tokenizer/t.cpp": '#include "kernels/k.h"\n',
            "src/kernels/k.h": "",
        })
        self.expect(check(self.root),
                    ("include/foretell/model.h:1", "public header includes the internal"),
                    ("src/tokenizer/t.cpp:1", "kernels is not below it"),
                    ("src/base/a.h:2", "model is not below it"))

    def test_the_forward_pass_names_no_family(self):
        self.write(**{
            "src/arch/a.cpp": 'const Family a{.model_types = {"nemo", "nemo_text"}};\n',
            "src/model/m.cpp": '// as Nemo has it\nif (architecture == "nemo_text") return;\nint nemotron;\n',
        })
        self.expect(check(self.root), ("src/model/m.cpp:2", "the family 'nemo_text'"))

    def test_includes_by_another_way(self):
        self.write(**{
            "src/base/a.cpp": '#include "../model/m.h"\n#include "gone.h"\n#include "b.h"\n',
            "src/base/b.h": "",
            "src/model/m.h": "",
            "src/other/o.cpp": "",
        })
        self.expect(check(self.root),
                    ("src/base/a.cpp:1", "not named from src/"),
                    ("src/base/a.cpp:1", "model is not below it"),
                    ("src/base/a.cpp:2", "neither in include/ nor in src/"),
                    ("src/base/a.cpp:3", "not named from src/"),
                    ("src/other/o.cpp:1", "in no layer"))

    def test_the_library_does_not_act(self):
        self.write(**{
            "src/base/a.cpp": 'std::cout << 1;\n  exit(1);  // leaves\nauto* v = std::getenv("X");\nfputs("x", stderr);\n',
            "src/base/b.cpp": '// exit(1)\nstd::snprintf(b, 1, "printf(");\nat_exit(1);\npool.exit(1);\n',
            "src/cli/main.cpp": "std::cout << 1;\n",
        })
        self.expect(check(self.root), *((f"src/base/a.cpp:{n}", "the library may not use") for n in (1, 2, 3, 4)))

    def test_includes_of_an_instruction_set(self):
        self.write(**{
            "src/kernels/fine.cpp": '#include <immintrin.h>\n#include "kernels/table.h"\n',
            "src/kernels/table.h": "#include <cstdint>\n",
            "src/kernels/bad.cpp": '#include "kernels/more.h"\n#include "base/a.h"\n',
            "src/kernels/more.h": "#include <vector>\n",
            "src/base/a.h": "",
        })
        commands = [self.command(f"src/kernels/{name}.cpp", "-mavx2") for name in ("fine", "bad")]
        self.expect(check(self.root, commands),
                    ("src/kernels/more.h:1", "<vector>"),
                    ("src/kernels/bad.cpp:2", '"base/a.h"'))
        self.expect(check(self.root, [self.command("src/kernels/bad.cpp")]))

    def test_functions_of_an_instruction_set(self):
        self.write(**{"src/kernels/unit.cpp": "inline int f() { return 1; }\nint (*g())() { return f; }\n"})
        unit = self.root / "src/kernels/unit.cpp"
        subprocess.run(["c++", "-c", unit, "-o", self.root / "unit.o"], check=True)
        self.expect(check(self.root, [self.command(unit.relative_to(self.root), "-mavx2")], objects=True),
                    ("src/kernels/unit.cpp:1", "'f()'"))

    def test_left_out_tests(self):
        self.write(**{"tests/a/a_test.cpp": "", "tests/a/b_test.cpp": "", "tests/fuzz/c_fuzz.cpp": "", "tests/d.cpp": ""})
        self.expect(check(self.root, [self.command("tests/a/a_test.cpp")]),
                    ("tests/a/b_test.cpp:1", "no build runs"),
                    ("tests/fuzz/c_fuzz.cpp:1", "no build runs"))

    def test_names_of_tests(self):
        self.write(**{"tests/a_test.cpp": 'TEST_CASE("fine, (it) is", "[tag]") {}\nTEST_CASE("in [0, 1)") {}\n'})
        self.expect(check(self.root, [self.command("tests/a_test.cpp")]), ("tests/a_test.cpp:2", "CTest"))
        self.write(**{"tests/a_test.cpp": 'TEST_CASE("a --flag") {}\nTEST_CASE("--flag") {}\n'})
        self.expect(check(self.root, [self.command("tests/a_test.cpp")]), ("tests/a_test.cpp:2", "option"))

    def test_the_example(self):
        self.write(**{"tests/consumer/main.cpp": "int main() {}\n", "README.md": "```cpp\nint main() {}\n```\n"})
        self.expect(check(self.root))
        self.write(**{"README.md": "```cpp\nint main() { }\n```\n"})
        self.expect(check(self.root), ("README.md:1", "the example"))


if __name__ == "__main__":
    unittest.main()
