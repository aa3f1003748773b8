"""What `cmake --install` gives is complete: the program runs from there, and a program of somebody else's is built with
the library and writes the same text.

    install_test.py BUILD_FOLDER CXX_COMPILER [unittest's arguments]
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
CONSUMER = TESTS / "consumer"
BUILD, COMPILER = sys.argv[1:3]
TEXT = "The capital of France is"


def output(*command, **more):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **more).stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.top = pathlib.Path(folder.name)
        cls.prefix = cls.top / "a prefix"
        output("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.model = cls.prefix / "share/foretell/models/smollm2-135m-instruct"

    def foretell(self, *arguments):
        return output(self.prefix / "bin/foretell", *arguments, cwd="/")

    def test_the_program_finds_its_models(self):
        self.assertIn("175,181,291,520", self.foretell("inspect", "gpt3"))
        self.assertEqual(self.foretell("next", "-k", "3", "-p", TEXT),
                         self.foretell("next", "-k", "3", "-p", TEXT, "-m", self.model))

    def test_another_program_uses_the_library(self):
        build = self.top / "build"
        output("cmake", "-S", CONSUMER, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
               f"-DCMAKE_CXX_COMPILER={COMPILER}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Wconversion -Werror")
        output("cmake", "--build", build)
        text = output(build / "consumer", self.model, TEXT, cwd="/")
        self.assertEqual(text.strip(), self.foretell("generate", "-n", "32", "--seed", "7", "-p", TEXT).strip())
        self.assertGreater(len(text), 10)
        broken = subprocess.run([build / "consumer", self.top / "nothing", TEXT], capture_output=True, text=True)
        self.assertEqual((broken.returncode, broken.stdout), (1, ""))
        self.assertIn("nothing", broken.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
