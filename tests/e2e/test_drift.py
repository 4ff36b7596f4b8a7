"""What another build of llama.cpp says and takes that nobody has decided yet: its words about memory, its arguments. A new
one fails here until somebody puts it into src/server/log_line.cpp (and its test) or into the list of what is none."""
import os
import pathlib
import re
import subprocess
import unittest

from harness import ROOT, llama_server

MODEL_TOOL = os.environ.get("ODYSSEUS_MODEL_TOOL") or str(ROOT / "build/dev/tests/model_tool")
DATA = ROOT / "tests/data"
TEXT = re.compile(rb"[\t\x20-\x7e]{8,}")
# A literal that speaks of memory that was not had.
FAILED = r"fail|unable|cannot|can't|could not|couldn't|insufficient|out of|not enough|too small|exceed|lost"
MEMORY = r"alloc|reserv|memory|buffer|bad_alloc|device"
SPEAKS = re.compile(r"(%s).*(%s)|(%s).*(%s)" % (FAILED, MEMORY, MEMORY, FAILED), re.IGNORECASE)


def decided(name):
    lines = (DATA / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def literals(folder):
    """The texts in the programs and libraries of this build, not in the system's that may lie beside them."""
    found = set()
    for path in sorted(folder.iterdir()):
        if not re.match(r"(lib)?(llama|ggml|mtmd)", path.name) or not path.is_file():
            continue
        for match in TEXT.finditer(path.read_bytes()):
            text = match.group().decode().strip()
            if " " in text and not text.startswith("_Z") and SPEAKS.search(text):
                found.add(text)
    return sorted(found)


def as_line(literal):
    """As it would stand in the log, an error of a model's process."""
    text = re.sub(r"%[-+ #0-9.*]*(?:l|ll|z|h|j|t)?[diux]", "7", literal)
    text = re.sub(r"%[-+ #0-9.*]*[fgeaGEF]", "7.00", text)
    text = re.sub(r"%[-+ #0-9.*]*[spc]", "x", text)
    return "[58697] 0.00.055.548 E " + text.replace("%%", "%")


class Drift(unittest.TestCase):
    def classified(self, lines):
        done = subprocess.run([MODEL_TOOL, "classify"], input="\n".join(lines) + "\n", capture_output=True, text=True,
                              check=True, timeout=60)
        kinds = done.stdout.split("\n")[:-1]
        self.assertEqual(len(kinds), len(lines))
        return kinds

    def test_every_word_about_failed_memory_is_decided(self):
        found = literals(pathlib.Path(llama_server()).resolve().parent)
        self.assertGreater(len(found), 50, "the build's texts are not found any more")
        kinds = dict(zip(found, self.classified([as_line(text) for text in found])))
        self.assertIn("memory", kinds.values())
        noise = {text for text, kind in kinds.items() if kind == "noise"}
        new = sorted(noise - set(decided("llama_literals.txt")))
        self.assertEqual(new, [], "\nsay of each whether it is memory (src/server/log_line.cpp) or none "
                                  "(tests/data/llama_literals.txt):\n" + "\n".join(new))

    def test_a_word_that_is_new_is_found(self):
        kinds = self.classified([as_line("%s: failed to allocate the %s"), as_line("%s: the frobnicator has no room")])
        self.assertEqual(kinds, ["memory", "noise"])
        self.assertTrue(SPEAKS.search("%s: memory of the frobnicator could not be reserved"))

    def test_every_argument_is_decided(self):
        table = dict(line.split("\t") for line in decided("llama_arguments.tsv"))
        text = subprocess.run([llama_server(), "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
        names = set()
        for line in text.splitlines():
            if not line.startswith("-") or line.startswith("-----"):
                continue
            for part in line[:200].split(","):
                word = part.strip()
                if not word.startswith("-"):
                    break
                names.add(word.split(" ")[0])
                if " " in word:
                    break
        self.assertIn("--port", names)
        new = sorted(names - set(table))
        self.assertEqual(new, [], "decide these in src/server/argument_rules.cpp and tests/data/llama_arguments.tsv")


if __name__ == "__main__":
    unittest.main()
