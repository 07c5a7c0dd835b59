#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Style as a test: the arrows between layers, the bans inside pure machines, sizes, SPDX lines.

tidy.py [ROOT]   prints `file:line: what is wrong; what to do instead`, and fails if there is any.
"""

import os
import re
import subprocess
import sys

import rules

COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<delim>[^(\s]*)\(.*?\)(?P=delim)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)
INCLUDE = re.compile(r"\s*#\s*include")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_only(path, text):
    """The text with comments and strings blanked, line by line in place; includes kept."""
    if path.endswith(rules.CPP):
        bare = COMMENT_OR_STRING.sub(blank, text).split("\n")
        lines = text.split("\n")
        return "\n".join(lines[i].split("//")[0] if INCLUDE.match(lines[i]) else bare[i]
                         for i in range(len(lines)))
    return re.sub(r"(^|\s)#.*", lambda m: m.group(1), text)


def check_rules(path, text):
    code = code_only(path, text).split("\n")
    whole = text.split("\n")
    for rule in rules.RULES:
        if not rule.applies(path):
            continue
        for number, line in enumerate(whole if rule.in_comments else code, 1):
            if rule.pattern.search(line):
                yield number, f"{rule.name}; {rule.remedy}"


def check_lines(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > rules.LINE_MAX:
            yield number, (f"a line of {len(line)} columns, the most is {rules.LINE_MAX}; "
                           "break it (./dev fmt does it for C++)")


def check_size(path, text):
    lines = text.count("\n")
    if lines > rules.FILE_LINES_MAX:
        yield 1, (f"a file of {lines} lines, the most is {rules.FILE_LINES_MAX}; "
                  "split it by idea, one noun a file")


def check_license(path, text):
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.split("\n")[:2]):
        yield 1, "no SPDX line; begin with `SPDX-License-Identifier: Apache-2.0` in a comment"


def functions(code):
    """Approximate: (first line, last line) of every block that stands in no other function."""
    stack, header, line = [], "", 1
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            outer = all(kind == "scope" for kind, _ in stack)
            is_scope = re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$", header)
            is_function = outer and "(" in header and not is_scope
            stack.append(("scope" if is_scope else "function" if is_function else "block", line))
            header = ""
        elif char == "}" and stack:
            kind, first = stack.pop()
            if kind == "function":
                yield first, line
            header = ""
        elif char == ";":
            header = ""
        elif not stack or stack[-1][0] == "scope":
            header += char


def check_functions(path, text):
    in_tests = path.startswith(("tests/", "bench/"))
    most = rules.TEST_FUNCTION_LINES_MAX if in_tests else rules.FUNCTION_LINES_MAX
    code = re.sub(r"^\s*#.*$", "", code_only(path, text), flags=re.MULTILINE)
    for first, last in functions(code):
        if last - first + 1 > most:
            yield first, (f"a function of {last - first + 1} lines, the most is {most}; "
                          "let the parent hold the branches and name the leaves")


def check_file(path, text):
    """Every (line, complaint) about one file."""
    found = list(check_rules(path, text))
    if path.endswith(rules.CPP + (".py", ".sh")) or path in ("dev", ".ci/run"):
        found += [*check_lines(path, text), *check_size(path, text), *check_license(path, text)]
    if path.endswith(rules.CPP):
        found += check_functions(path, text)
    return sorted(found)


def project_files(root):
    try:
        listed = subprocess.run(["git", "-C", root, "-c", "safe.directory=*", "ls-files", "-co",
                                 "--exclude-standard", "-z"],
                                capture_output=True, check=True).stdout.decode().split("\0")
        return sorted(path for path in set(listed) if path and os.path.isfile(f"{root}/{path}"))
    except (OSError, subprocess.CalledProcessError):  # a release tarball, or no git here
        found = []
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name not in (".git", "build", "out")]
            found += [os.path.relpath(os.path.join(folder, name), root) for name in files]
        return sorted(found)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../..")
    wrong = checked = 0
    for path in project_files(root):
        try:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = file.read()
        except UnicodeDecodeError:
            continue
        checked += 1
        for number, complaint in check_file(path, text):
            print(f"{path}:{number}: {complaint}")
            wrong += 1
        if path.endswith(rules.CPP) and text.count("\n") > rules.FILE_LINES_WARN:
            print(f"note: {path} has {text.count(chr(10))} lines; does it hold one idea?")
    print(f"tidy: {checked} files, {wrong} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
