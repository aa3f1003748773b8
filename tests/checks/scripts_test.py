"""scripts/foretell and scripts/setup, on a small program in a copied tree and with package tools that only take notes."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
PROJECT = """cmake_minimum_required(VERSION 3.22)
project(small LANGUAGES CXX)
file(GLOB sources CONFIGURE_DEPENDS src/*.cpp)
add_executable(foretell_cli ${sources})
set_target_properties(foretell_cli PROPERTIES OUTPUT_NAME foretell RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
"""
PROGRAM = """#include <cstdio>
int main(int argc, char** argv) {
  std::puts("version 1");
  for (int i = 1; i < argc; i++) std::printf("<%s>", argv[i]);
  for (int c; (c = std::getchar()) != EOF;) std::putchar(c);
  return 3;
}
"""


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name).resolve()
        self.top.chmod(0o755)
        self.root = self.top / "a tree"
        shutil.copytree(SCRIPTS, self.root / "scripts")
        write(self.root / "CMakeLists.txt", PROJECT)
        write(self.root / "src/main.cpp", PROGRAM)
        for name in ("cmake", "include"):
            (self.root / name).mkdir()
        self.tool("dpkg-query", 'for p in "$@"; do echo "installed $p"; done')

    def tool(self, name, body):
        write(self.top / "tools" / name, f"#!/bin/bash\n{body}\n", 0o755)

    def note(self, name):
        self.tool(name, f'echo "{name} $*" >>"{self.top}/notes"\n[[ "$1" != env && "$1" != apt-get ]] || exec "$@"')

    def notes(self):
        path = self.top / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def run_script(self, script, *arguments, text="", cwd="/", **more):
        environment = {"PATH": f"{self.top}/tools:{os.environ['PATH']}", "HOME": ""}
        return subprocess.run([script, *arguments], input=text, cwd=cwd, env=environment, capture_output=True, text=True,
                              **more)


class Foretell(Tree):
    def expect(self, result, stdout):
        self.assertEqual((result.stdout, result.returncode), (stdout, 3), result.stderr)

    def test_builds_once_and_passes_everything_through(self):
        script = self.root / "scripts/foretell"
        first = self.run_script(script, "a b", "*", text="piped\n")
        self.expect(first, "version 1\n<a b><*>piped\n")
        self.assertIn("building", first.stderr)

        for name in ("cmake", "ninja", "dpkg-query", "apt-get", "flock"):
            self.tool(name, "exit 9")  # from now on nothing of it is needed
        link = self.top / "link"
        link.symlink_to(script)
        second = self.run_script(link, "-", cwd=self.top, text="x")
        self.expect(second, "version 1\n<->x")
        self.assertEqual(second.stderr, "")

    def test_builds_again_where_a_source_changed(self):
        script = self.root / "scripts/foretell"
        self.expect(self.run_script(script), "version 1\n")
        write(self.root / "src/main.cpp", PROGRAM.replace("version 1", "version 2"))
        self.expect(self.run_script(script), "version 2\n")

        write(self.root / "src/more.cpp", "#error broken\n")  # a new file counts, and a failure is one
        broken = self.run_script(script)
        self.assertEqual((broken.stdout, broken.returncode), ("", 1))
        self.assertIn("could not be built", broken.stderr)
        (self.root / "src/more.cpp").unlink()
        self.expect(self.run_script(script), "version 2\n")

        moved = self.root.rename(self.top / "moved")
        write(moved / "src/main.cpp", PROGRAM.replace("version 1", "version 3"))
        self.expect(self.run_script(moved / "scripts/foretell"), "version 3\n")

    def test_two_at_once(self):
        script = [self.root / "scripts/foretell", "x"]
        pair = [subprocess.Popen(script, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(2)]
        for process in pair:
            stdout, stderr = process.communicate()
            self.assertEqual((stdout, process.returncode), ("version 1\n<x>", 3), stderr)


class Setup(Tree):
    def setUp(self):
        super().setUp()
        write(self.root / "scripts/packages", "# a comment\nbuild one\nbuild two\ntest three\n")
        self.note("apt-get")
        self.note("sudo")
        self.setup = self.root / "scripts/setup"

    def test_nothing_is_touched_where_all_is_there(self):
        result = self.run_script(self.setup, "build", "test")
        self.assertEqual((result.returncode, result.stdout, result.stderr, self.notes()), (0, "", "", []))

    def test_what_is_missing_is_installed(self):
        self.tool("dpkg-query", "echo 'installed one'; echo 'config-files three'; exit 1")
        result = self.run_script(self.setup, "build", "test")
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)
        notes = [note for note in self.notes() if note.startswith("apt-get")]
        self.assertEqual(len(notes), 2)
        self.assertIn("update", notes[0])
        self.assertTrue(notes[1].endswith(" two three"), notes)
        with_sudo = any(note.startswith("sudo") for note in self.notes())
        self.assertEqual(with_sudo, os.geteuid() != 0)

    def test_without_root_and_sudo_it_says_what_to_install(self):
        self.tool("dpkg-query", "exit 1")
        (self.top / "tools/sudo").unlink()
        tools = self.top / "tools"
        for name in ("bash", "awk", "grep", "readlink", "dirname"):  # a PATH without sudo
            (tools / name).symlink_to(shutil.which(name))
        user = {"user": 65534} if os.geteuid() == 0 else {}
        result = subprocess.run([shutil.which("bash"), self.setup, "build"], env={"PATH": str(tools)}, cwd="/",
                                capture_output=True, text=True, **user)
        self.assertEqual((result.returncode, result.stdout, self.notes()), (1, "", []), result.stderr)
        self.assertIn("apt-get install one two", result.stderr)

    def test_an_unknown_group(self):
        self.assertEqual(self.run_script(self.setup, "games").returncode, 2)


if __name__ == "__main__":
    unittest.main()
