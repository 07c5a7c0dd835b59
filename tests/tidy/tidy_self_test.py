#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule of tidy.py bites where it should, and only there."""

import sys

import rules
import tidy

MACHINE = "patterns/work_queue/group_machine.cpp"
HEADER = "patterns/include/pawl/producer.hpp"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"

# rule name -> (path, line that is refused)
BITES = {
    "core is the lowest layer": [
        ("core/random.cpp", '#include "patterns/hub/turn.hpp"'),
        ("core/random.cpp", "#include <pawl/policy.hpp>")],
    "patterns lie below devices": [("patterns/hub/turn.cpp", '#include "devices/config.hpp"')],
    "devices are not tests": [("devices/pawl/main.cpp", '#include "tests/support/x.hpp"')],
    "production knows no testing": [
        ("patterns/hub/hub_shell.cpp", '#include "patterns/testing/faulty_store.hpp"'),
        ("devices/pawl/work.cpp", "#include <pawl/testing.hpp>")],
    "peers link without the store": [
        ("patterns/peer/producer.cpp", '#include "patterns/hub/turn.hpp"'),
        ("patterns/peer/producer.cpp", '#include "core/store/store.hpp"')],
    "installed headers need nothing but pawl and the standard library": [
        (HEADER, "#include <msgpack.hpp>"), (HEADER, "#include <zmq.hpp>"),
        (HEADER, '#include "core/time.hpp"'), (HEADER, "#include <spdlog/spdlog.h>")],
    "msgpack is opt-in": [
        ("patterns/include/pawl/msgpack.hpp", '#include "core/chunk/meta.hpp"')],
    "machines have no sockets": [(MACHINE, "#include <zmq.hpp>")],
    "machines do not read clocks": [
        (MACHINE, "auto t = std::chrono::steady_clock::now();"), (MACHINE, "time(nullptr);"),
        ("core/chunk/chunk.cpp", "clock_gettime(CLOCK_REALTIME, &t);")],
    "machines have no threads": [(MACHINE, "#include <thread>"), (MACHINE, "#include <mutex>"),
                                 (MACHINE, "#include <condition_variable>")],
    "machines have no disk": [(MACHINE, "#include <fstream>"), (MACHINE, "#include <filesystem>"),
                              ("core/protocol/codec.cpp", "#include <rocksdb/db.h>")],
    "machines draw no luck of their own": [(MACHINE, "std::random_device device;"),
                                           (MACHINE, "int x = std::rand();")],
    "distributions differ between libraries": [
        (MACHINE, "std::uniform_int_distribution<int> pick(0, 9);")],
    "machines keep order": [(MACHINE, "std::unordered_map<int, int> rows_;"),
                            (MACHINE, "std::unordered_set<int> seen_;")],
    "machines decide in integers": [(MACHINE, "double factor = 2;"), (MACHINE, "float f;")],
    "nobody sleeps": [
        ("patterns/hub/turn.cpp", "std::this_thread::sleep_for(1ms);"),
        ("tests/end_to_end/kill_test.cpp", "usleep(1000);"),
        ("tests/end_to_end/kill_test.py", "time.sleep(1)")],
    "nothing is left for later": [("core/random.cpp", "// TO" "DO: faster"),
                                  ("bench/queue.py", "# FIX" "ME")],
    "no path of one machine": [("bench/queue.py", 'x = "/ro' 'ot/checkout"')],
    "no process is started through a shell's parser": [
        ("devices/pawl/work.cpp", "auto pid = fork();"),
        ("devices/pawl/work.cpp", 'system("ls");')],
}

# (path, line) that nothing may complain about
PASSES = [
    (MACHINE, "// steady_clock::now() is read by the turn, and double is for poets"),
    (MACHINE, 'effects.refuse("no <thread> and no time.sleep here");'),
    (MACHINE, "#include <map>"),
    (MACHINE, "now.mono + policy.lease;"),
    ("patterns/hub/turn.cpp", "auto t = std::chrono::steady_clock::now();"),
    ("patterns/hub/turn.cpp", "#include <thread>"),
    ("patterns/peer/producer.cpp", '#include "core/protocol/codec.hpp"'),
    ("devices/pawl/stat.cpp", '#include "core/transport/dealer.hpp"'),
    (HEADER, "#include <pawl/policy.hpp>"),
    (HEADER, "#include <chrono>"),
    ("patterns/testing/faulty_hub.cpp", '#include "patterns/testing/faulty_store.hpp"'),
    ("patterns/include/pawl/msgpack.hpp", "#include <msgpack.hpp>"),
]


def function_of(lines):
    return "int f() {\n" + "  g();\n" * (lines - 2) + "}\n"


def sizes():
    """(path, text, whether it is refused)"""
    long_line = SPDX + "// " + "x" * rules.LINE_MAX + "\n"
    in_class = SPDX + "namespace a {\nclass B {\n public:\n" + function_of(61) + "};\n}\n"
    small_functions = SPDX + "namespace a {\n" + function_of(30) * 3 + "}\n"
    return [
        ("core/a.cpp", long_line, True),
        ("core/a.cpp", SPDX + "\n" * rules.FILE_LINES_MAX, True),
        ("core/a.cpp", SPDX + "\n" * (rules.FILE_LINES_MAX - 1), False),
        ("core/a.cpp", "#include <map>\n", True),
        ("bench/a.py", "#!/usr/bin/env python3\n# SPDX-License-Identifier: Apache-2.0\n", False),
        ("core/a.cpp", SPDX + function_of(rules.FUNCTION_LINES_MAX), False),
        ("core/a.cpp", SPDX + function_of(rules.FUNCTION_LINES_MAX + 1), True),
        ("core/a.hpp", in_class, True),
        ("core/a.cpp", small_functions, False),
        ("core/a.cpp", SPDX + "struct Table {\n" + "  int a;\n" * 90 + "};\n", False),
        ("core/a.cpp", SPDX + "const T table[] = {\n" + "  {1, f(2)},\n" * 90 + "};\n", False),
        ("tests/unit/a_test.cpp", SPDX + function_of(rules.FUNCTION_LINES_MAX + 1), False),
    ]


def main():
    failures = []
    for rule in rules.RULES:
        if rule.name not in BITES:
            failures.append(f"rule `{rule.name}` has no example here")
    for name, examples in BITES.items():
        for path, line in examples:
            complaints = [text for _, text in tidy.check_file(path, SPDX + line + "\n")]
            if not any(text.startswith(name + ";") for text in complaints):
                failures.append(f"`{name}` does not bite on {path}: {line} (but: {complaints})")
    for path, line in PASSES:
        complaints = tidy.check_file(path, SPDX + line + "\n")
        if complaints:
            failures.append(f"{path}: {line} is refused: {complaints}")
    for path, text, refused in sizes():
        if bool(tidy.check_file(path, text)) != refused:
            failures.append(f"{path}: {text[:60]!r}… refused is not {refused}")
    print("\n".join(failures) or f"tidy: {len(rules.RULES)} rules bite")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
