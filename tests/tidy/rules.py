# SPDX-License-Identifier: Apache-2.0
"""What tests/tidy refuses, and what to write instead. Each rule is one row; tidy_self_test.py holds
an example that each of them bites on."""

import dataclasses
import re
from typing import Callable

LINE_MAX = 100
FILE_LINES_MAX = 500
FILE_LINES_WARN = 400
FUNCTION_LINES_MAX = 60
TEST_FUNCTION_LINES_MAX = 90  # a test is a transcript, read from top to bottom

CPP = (".cpp", ".hpp")

# Tests that may sleep: file -> why no event can be waited for.
MAY_SLEEP: dict[str, str] = {}


@dataclasses.dataclass(frozen=True)
class Rule:
    name: str
    applies: Callable[[str], bool]
    pattern: re.Pattern
    remedy: str
    in_comments: bool = False  # also look into comments and strings


def under(*folders):
    return lambda path: path.endswith(CPP) and path.startswith(folders)


# The shells in patterns/hub, which do what its machine decides; everything else there is pure.
HUB_SHELLS = re.compile(r"patterns/hub/(hub|hub_shell|hub_socket|turn)\.[ch]pp")


def is_machine(path):
    if not path.endswith(CPP) or HUB_SHELLS.fullmatch(path):
        return False
    pure = ("patterns/work_queue/", "patterns/hub/", "core/chunk/", "core/protocol/")
    return path.startswith(pure) or (path.startswith("patterns/") and "_machine." in path)


def decides(path):
    reports = path == "patterns/hub/hub_stat.cpp"  # seconds for people decide nothing
    return is_machine(path) and path.startswith("patterns/") and not reports


def is_public_header(path):
    folders = ("patterns/include/pawl/", "core/include/pawl/")
    return path.startswith(folders) and path.endswith(".hpp")


def is_testing(path):
    return path.startswith("patterns/testing/") or path == "patterns/include/pawl/testing.hpp"


def is_script_or_code(path):
    return path.endswith(CPP + (".py", ".sh", ".cmake", ".txt", ".in")) or path == "dev"


def may_not_sleep(path):
    mine = path.startswith("tests/tidy/") or path in MAY_SLEEP
    return path.endswith(CPP + (".py",)) and not mine


def include(what):
    return re.compile(r'#\s*include\s*[<"](?:' + what + ")")


RULES = [
    Rule("core is the lowest layer", under("core/"),
         include(r"(patterns|devices|tests)/|pawl/(?!codes\.hpp)"),
         "core may include core/ only; move what both need down into core/"),
    Rule("patterns lie below devices", under("patterns/"), include(r"(devices|tests)/"),
         "patterns may include core/ and patterns/; pass the value in from the device"),
    Rule("devices are not tests", under("devices/"), include(r"tests/"),
         "a program may not need the tests; move the part into the layer it belongs to"),
    Rule("production knows no testing",
         lambda path: under("core/", "patterns/", "devices/")(path) and not is_testing(path),
         include(r"patterns/testing/|pawl/testing\.hpp"),
         "only tests, examples and patterns/testing itself may use pawl::testing"),
    Rule("peers link without the store", under("patterns/peer/", "patterns/include/"),
         include(r"(patterns/(hub|work_queue)/|core/store/|rocksdb/)"),
         "patterns/peer is pawl::client: talk to a hub through core/protocol, in messages"),
    Rule("installed headers need nothing but pawl and the standard library",
         lambda path: is_public_header(path) and not path.endswith("/msgpack.hpp"),
         re.compile(r"#\s*include(?!\s*(<pawl/[a-z_/]+\.hpp>|<[a-z_]+>))"),
         "include <pawl/...> and standard headers only; hide the rest behind a class in a .cpp"),
    Rule("msgpack is opt-in", lambda path: path.endswith("/pawl/msgpack.hpp"),
         re.compile(r"#\s*include(?!\s*(<pawl/[a-z_/]+\.hpp>|<[a-z_]+>|<msgpack[a-z_/]*\.hpp>))"),
         "<pawl/msgpack.hpp> may add MessagePack to <pawl/...> and the standard library, no more"),
    # Machines are pure, so that a simulation can run the very same objects.
    Rule("machines have no sockets", is_machine, include(r"zmq|core/transport/|sys/socket"),
         "take an event in, put an effect out; patterns/hub owns the sockets"),
    Rule("machines do not read clocks", is_machine,
         re.compile(r"::now\s*\(|\b(clock_gettime|gettimeofday)\s*\(|\btime\s*\(\s*nullptr"),
         "take `Now now` as an argument (core/time.hpp); the turn reads the clock once"),
    Rule("machines have no threads", is_machine,
         include(r"(thread|(shared_)?mutex|condition_variable|atomic|future|semaphore|latch)>"),
         "one thread owns a machine; hand-overs lie in patterns/hub and core/transport"),
    Rule("machines have no disk", is_machine,
         include(r"(fstream|filesystem|cstdio|stdio\.h|fcntl\.h|unistd\.h)>|rocksdb/"),
         "put rows into the turn's Commit (core/store/store.hpp)"),
    Rule("machines draw no luck of their own", is_machine,
         re.compile(r"\brandom_device\b|\bs?rand\s*\(|\bmt19937|\bdefault_random_engine\b"),
         "take a Random& (core/random.hpp): it is seeded, so that a run can be played again"),
    Rule("distributions differ between libraries", is_machine, re.compile(r"\b\w+_distribution\b"),
         "use Random's own members (core/random.hpp): the same seed must give the same run"),
    Rule("machines keep order", is_machine, re.compile(r"\bunordered_(multi)?(map|set)\b"),
         "use std::map, a sorted vector or a deque: no order may hang on a hash or a pointer"),
    Rule("machines decide in integers", decides, re.compile(r"\b(float|double)\b"),
         "count in integers or std::chrono; a policy's factors are turned to integers at the edge"),
    # Everywhere.
    Rule("nobody sleeps", may_not_sleep,
         re.compile(r"\bsleep_(for|until)\b|\bu?sleep\s*\(|\bnanosleep\b|\btime\.sleep\b"),
         "wait for the event itself with a deadline: poll(), a condition, a line of output"),
    Rule("nothing is left for later", is_script_or_code,
         re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"),
         "do it now, or file an issue and name the limit in docs/operating.md", in_comments=True),
    Rule("no path of one machine", is_script_or_code,
         re.compile(r"(?<![\w.])/(wo" r"rk|ro" r"ot|ho" r"me)/\w"),
         "take the path from an option, the environment or the place of the file itself",
         in_comments=True),
    Rule("no process is started through a shell's parser", under("core/", "patterns/", "devices/"),
         re.compile(r"\b(system|popen|fork|vfork)\s*\("),
         "use posix_spawn (devices/pawl/exec.hpp): fork is unsafe beside libzmq's threads"),
]
