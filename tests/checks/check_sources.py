"""Checks of the sources that no compiler makes; each finding is one line, "FILE:LINE: WHAT".

    check_sources.py --root DIR [--commands compile_commands.json] [--objects]

- Includes point one way: from a folder of src/ to itself and to those of an earlier layer.
- The library (all but src/cli) does not print, exit or read the environment.
- What is compiled for one instruction set includes only intrinsics, <cstdint>, <cstddef> and kernel headers that do no
  more, and (--objects: look at an optimized build) defines no function that the linker could take for another unit.
- The forward pass (src/model, src/kernels) names no model family.
- Every test file is in a build and no test's name confuses CTest, and the example in README.md is the program in tests/consumer.
"""

import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys

LAYERS = [
    {"base"},
    {"checkpoint", "tokenizer", "kernels", "sampling"},
    {"template"},  # with characters as the tokenizer knows them
    {"arch", "constrain"},
    {"model"},
    {"generate", "trace"},
    {"report"},
    {"cli"},
]
RANK = {folder: rank for rank, folders in enumerate(LAYERS) for folder in folders}
# Public headers that have another name than their folder.
PUBLIC = {"error": "base", "foretell": "generate", "batch": "generate", "beam_search": "generate",
          "generation_defaults": "generate", "healing": "generate", "session": "model", "token_id": "base"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
INTRINSICS = re.compile(r"^(\w+intrin\.h|arm_\w+\.h)$")
# Names that act on the process or its streams, called or written to.
ACTS = re.compile(r"(?<![\w.>])(?:std::|::)?"
                  r"(?:(?:printf|puts|putchar|perror|exit|_exit|quick_exit|abort|getenv|secure_getenv|setenv)\s*\("
                  r"|(?:cout|cerr|clog|cin)\b|f(?:printf|puts|write)\s*\([^;]*\bstd(?:out|err)\b)")


def lines(path):
    return enumerate(path.read_text(encoding="utf-8").splitlines(), 1)


def sources(root, *folders):
    for folder in folders:
        for suffix in ("*.cpp", "*.h"):
            yield from sorted((root / folder).rglob(suffix))


class Check:
    def __init__(self, root):
        self.root = root
        self.findings = []

    def find(self, path, line, what):
        self.findings.append(f"{path.relative_to(self.root)}:{line}: {what}")

    def resolve(self, path, name):
        """The file of ours that an include names, or None."""
        for folder in (self.root / "include", self.root / "src", path.parent):
            if (folder / name).is_file():
                return (folder / name).resolve()
        return None

    def folder(self, path):
        """The folder of src/ that a file belongs to; a public header has the name of its folder."""
        parts = path.relative_to(self.root).parts
        return parts[1] if parts[0] == "src" else PUBLIC.get(path.stem, path.stem)

    def includes(self, path):
        for number, line in lines(path):
            if match := INCLUDE.match(line):
                yield number, match[1] or match[2], bool(match[1])

    def directions(self):
        for path in sources(self.root, "include", "src"):
            own = self.folder(path)
            if own not in RANK:
                self.find(path, 1, f"'{own}' is in no layer; add it to {pathlib.Path(__file__).name}")
                continue
            for number, name, quoted in self.includes(path):
                target = self.resolve(path, name)
                if target is None:
                    if quoted:
                        self.find(path, number, f'"{name}" is neither in include/ nor in src/')
                    continue
                if target.is_relative_to(self.root / "src") and not (self.root / "src" / name).is_file():
                    self.find(path, number, f'"{name}" is not named from src/')
                if path.is_relative_to(self.root / "include") and target.is_relative_to(self.root / "src"):
                    self.find(path, number, f'a public header includes the internal "{name}"')
                other = self.folder(target)
                if other != own and RANK.get(other, -1) >= RANK[own]:
                    self.find(path, number, f'{own} may not include "{name}": {other} is not below it')

    def library_acts(self):
        for path in sources(self.root, "src"):
            if self.folder(path) == "cli":
                continue
            for number, line in lines(path):
                if match := ACTS.search(re.sub(r'"(\\.|[^"\\])*"|//.*', '""', line)):
                    self.find(path, number, f"the library may not use '{match[0]}'")

    def family_names(self):
        names = set()
        for path in sources(self.root, "src/arch"):
            for listed in re.findall(r"model_types\s*=\s*\{([^}]*)\}", path.read_text(encoding="utf-8")):
                names |= set(re.findall(r'"([^"]+)"', listed))
        if not names:
            return
        words = re.compile(r"\b(" + "|".join(map(re.escape, sorted(names))) + r")\b", re.IGNORECASE)
        for path in sources(self.root, "src/model", "src/kernels"):
            for number, line in lines(path):
                if match := words.search(re.sub(r"//.*", "", line)):  # comments name who described a formula
                    self.find(path, number, f"the forward pass may not know the family '{match[0]}'")

    def instruction_set_includes(self, path, unit, seen):
        for number, name, _ in self.includes(path):
            target = self.resolve(path, name)
            if target is None:
                if name not in ("cstdint", "cstddef") and not INTRINSICS.match(name):
                    self.find(path, number, f"<{name}> is compiled for one instruction set by {unit.name}")
            elif target not in seen:
                seen.add(target)
                if not target.is_relative_to(self.root / "src" / "kernels"):
                    self.find(path, number, f'"{name}" is compiled for one instruction set by {unit.name}')
                else:
                    self.instruction_set_includes(target, unit, seen)

    def instruction_sets(self, commands, objects):
        for command in commands:
            path = pathlib.Path(command["file"])
            if not re.search(r" -m(avx|fma|f16c|sse|amx|arch)", command["command"]):
                continue
            self.instruction_set_includes(path, path, set())
            if objects:
                words = shlex.split(command["command"])
                output = pathlib.Path(command["directory"], words[words.index("-o") + 1])
                listed = subprocess.run(["nm", "-C", output], check=True, capture_output=True, text=True).stdout
                for name in re.findall(r" W (.+)", listed):
                    self.find(path, 1, f"'{name}' could be linked into code for other processors; make it static")

    def left_out(self, commands):
        built = {pathlib.Path(command["directory"], command["file"]).resolve() for command in commands}
        for path in sorted((self.root / "tests").rglob("*.cpp")):
            if re.search(r"_(test|fuzz)\.cpp$", path.name) and path.resolve() not in built:
                self.find(path, 1, "no build runs this test file")
            for number, line in lines(path):
                if re.match(r'\s*(TEST_CASE|SCENARIO)\w*\((?:\w+,)?\s*"[^"]*[][;\\]', line):
                    self.find(path, number, "a test's name with [, ], ; or \\ makes CTest lose the tests after it")
                if re.match(r'\s*(TEST_CASE|SCENARIO)\w*\((?:\w+,)?\s*"-', line):
                    self.find(path, number, "a test's name that begins with - is taken for an option")

    def example(self):
        program, readme = self.root / "tests/consumer/main.cpp", self.root / "README.md"
        if program.is_file() and f"```cpp\n{program.read_text()}```\n" not in readme.read_text():
            self.find(readme, 1, "the example is not the program in tests/consumer/main.cpp")


def check(root, commands=None, objects=False):
    checks = Check(root.resolve())
    checks.directions()
    checks.library_acts()
    checks.family_names()
    checks.example()
    if commands is not None:
        checks.instruction_sets(commands, objects)
        checks.left_out(commands)
    return checks.findings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--commands", type=pathlib.Path)
    parser.add_argument("--objects", action="store_true")
    arguments = parser.parse_args()
    commands = json.loads(arguments.commands.read_text()) if arguments.commands else None
    findings = check(arguments.root, commands, arguments.objects)
    print("\n".join(findings) or "nothing found")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
