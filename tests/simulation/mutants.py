#!/usr/bin/env python3
"""Breaks the supervisor in known ways, one at a time, and tells whether the simulation finds each.

    tests/simulation/mutants.py BUILD_DIR [SECONDS]      exit 0: every mutant was found

Each mutant is one replacement in one source file; the mutated object is linked before the library.
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# name, file, what stands there, what the mutant has instead (where several rules guard against it: the same of each)
MUTANTS = [
    ("words of an answer are evidence (B1)", "src/server/oom_verdict.cpp",
     '    return OtherCause{"nothing in its log speaks of memory"};',
     '    if (word_in_body(symptoms.status, symptoms.body, symptoms.model)) return OutOfMemory{"words", std::nullopt, ""};\n'
     '    return OtherCause{"nothing"};'),
    ("a client's text in the log is evidence (B2)", "src/server/log_line.cpp",
     "    if (is_server_line(text)) return server_failure_kind(message_of(text));", "",
     "    if (has_any(plain, k_harmless) || has_any(plain, k_quoting)) return Kind::noise;", "",
     "        if (!is_evidence(fact)) fact.kind = Kind::noise;", ""),
    ("a failed start ends the owner (B6)", "src/server/supervisor_child.cpp",
     "    } catch (const Error& error) {", "    } catch (const std::logic_error& wrong) {\n        const Error error(Fault::server, wrong.what());"),
    ("stale facts: what a process survived counts", "src/server/oom_verdict.cpp",
     "(!process.loaded || fact.at >= since)", "true"),
    ("a lost report", "src/server/supervisor_recovery.cpp",
     "        if (!try_settle(file, now)) m_cases.push_back(std::move(file));", "        (void)try_settle(file, now);"),
    ("a double step: old generations are not told apart", "src/server/supervisor_recovery.cpp",
     "    } else if (failure.generation != m_lifecycle.generation() ||", "    } else if ("),
    ("a second router: started while the old one ends", "src/server/supervisor.cpp",
     "    if (!m_world->has_child() && is_due(m_launch_at)) launch();", "    if (is_due(m_launch_at)) launch();"),
    ("ends are counted among the processes that are kept", "src/server/model_processes.cpp",
     "    return found == m_ends.end() ? 0 : found->second;", "    return found == m_ends.end() ? 0 : std::min<std::size_t>(found->second, 40);"),
    ("a kill is held against a later process", "src/server/supervisor_recovery.cpp",
     "symptoms.process != nullptr && symptoms.process->killed_for_memory;", "killed_for_memory();"),
    ("a server that hangs while a context is proved is not missed", "src/server/supervisor_health.cpp",
     "phase == Lifecycle::Phase::serving || phase == Lifecycle::Phase::proving;", "phase == Lifecycle::Phase::serving;"),
    ("the next process's end is taken for the one that was judged", "src/server/supervisor_recovery.cpp",
     "    if (failure.began > judged.when || now - judged.when >= k_same_failure) return false;",
     "    if (now - judged.when < k_same_failure) return true;"),
    ("waiters are forgotten when a reduction ends", "src/server/supervisor_reduction.cpp",
     "    for (const auto& file : waiters)\n        conclude(*file, verdict);", "    (void)verdict;"),
]


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, **more)


def commands(build):
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        found[str(pathlib.Path(entry["file"]).resolve())] = entry
    return found


def build_mutant(build, entry, path, text, program):
    mutated = program.with_suffix(".cpp")
    mutated.write_text(text)
    words = shlex.split(entry["command"])
    words = [word for word in words if not word.endswith("ccache")]
    words[words.index("-c") + 1] = str(mutated)
    words[words.index("-o") + 1] = str(program.with_suffix(".o"))
    words[words.index("-c"):words.index("-c")] = ["-iquote", str(path.parent), "-Wno-error"]
    made = run(words, cwd=entry["directory"])
    if made.returncode:
        sys.exit("the mutant does not compile:\n" + made.stderr)
    link = run(["ninja", "-C", str(build), "-t", "commands", "simulation"]).stdout.splitlines()[-1]
    link = re.sub(r"-o tests/simulation ", "%s -o %s " % (program.with_suffix(".o"), program), link)
    made = run(["sh", "-c", link], cwd=build)
    if made.returncode:
        sys.exit("the mutant does not link:\n" + made.stderr)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    seconds = sys.argv[2] if len(sys.argv) > 2 else "60"
    known = commands(build)
    missed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, file, *changes) in enumerate(MUTANTS):
            path = SOURCE / file
            text = path.read_text()
            for old, new in zip(changes[::2], changes[1::2]):
                if text.count(old) < 1:
                    sys.exit("%s: %r does not stand in it" % (file, old))
                text = text.replace(old, new)
            program = pathlib.Path(scratch) / ("mutant%d" % number)
            build_mutant(build, known[str(path)], path, text, program)
            said = run([str(program), "--seed", "1", "--seconds", seconds])
            found = said.returncode != 0
            missed += not found
            print("%-7s %s: %s" % ("found" if found else "MISSED", name,
                                    (said.stdout or said.stderr).strip().splitlines()[0]), flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
