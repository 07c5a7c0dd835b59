#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""skipped.py SUMMARY: the kinds of fault that this machine did not allow a torture, and why; of the
JSON that torture.py writes. CTest shows nothing of a test that passes."""

import json
import pathlib
import sys

summary = pathlib.Path(sys.argv[1])
skipped = json.loads(summary.read_text(encoding="utf-8"))["skipped"] if summary.exists() else {}
kinds_of = {}
for kind, why in skipped.items():
    kinds_of.setdefault(why, []).append(kind)
for why, kinds in kinds_of.items():
    print(f"torture: skipped {', '.join(kinds)}: {why}", file=sys.stderr)
