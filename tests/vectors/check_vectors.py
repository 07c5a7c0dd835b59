#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the .json files beside this one with pawl_check.py; exits 1 if one does not hold. The C++
codec is checked against the same files by tests/unit/vectors_test.cpp."""

import json
import pathlib
import sys

import msgpack

import pawl_check

HERE = pathlib.Path(__file__).parent
failures = []


def expect(condition, name, what):
    if not condition:
        failures.append(f"{name}: {what}")


def bytes_of(vector):
    if "hex" in vector:
        return bytes.fromhex(vector["hex"])
    return b"".join(bytes.fromhex(part) * times for part, times in vector["bytes"])


def load(stem):
    return json.loads((HERE / f"{stem}.json").read_text(encoding="utf-8"))


def refused_with(read, *arguments):
    try:
        read(*arguments)
    except pawl_check.Refused as refused:
        return refused.code
    return "OK"


def check_headers(vectors):
    for vector in vectors["valid"]:
        name, data = vector["name"], bytes_of(vector)
        try:
            decoded = pawl_check.decode_header(data)
        except pawl_check.Refused as refused:
            expect(False, name, f"refused with {refused.code}: {refused}")
            continue
        expect(decoded == vector["decoded"], name, f"decoded to {decoded}")
        if vector["canonical"]:
            again = pawl_check.encode_header(decoded)
            expect(again == data, name, f"encoded to {again.hex()}")
    for vector in vectors["invalid"]:
        code = refused_with(pawl_check.decode_header, bytes_of(vector))
        expect(code == vector["code"], vector["name"], f"{code} instead of {vector['code']}")


def check_chunks(vectors):
    for vector in vectors["valid"]:
        name, data = vector["name"], bytes_of(vector)
        expected = [(entry["meta"] and bytes.fromhex(entry["meta"]), bytes.fromhex(entry["body"]))
                    for entry in vector["entries"]]
        entries = pawl_check.check_chunk(data, vector["count"], 2**20)
        expect(entries == expected, name, f"read as {entries}")
        if vector["canonical"]:
            again = b"".join(b"\x92" + (meta or b"\xc0") + msgpack.packb(body, use_bin_type=True)
                             for meta, body in entries)
            expect(again == data, name, f"encoded to {again.hex()}")
    for vector in vectors["invalid"]:
        code = refused_with(pawl_check.check_chunk, bytes_of(vector), vector["count"],
                            vector["body_bytes_max"])
        expect(code == vector["code"], vector["name"], f"{code} instead of {vector['code']}")


def check_deliveries(vectors):
    for vector in vectors["valid"]:
        rows = pawl_check.decode_header(bytes.fromhex(vector["header"]))["rows"]
        counts = []
        for _lane, _offset, count, _attempt, flags in rows:
            if flags & 4:
                counts[-1] += count
            else:
                counts.append(count)
        frames = [bytes.fromhex(frame) for frame in vector["frames"]]
        expect(len(frames) == len(counts), vector["name"], f"{counts} for {len(frames)} frames")
        bodies = [body for frame, count in zip(frames, counts)
                  for _meta, body in pawl_check.check_chunk(frame, count, 2**20)]
        places = [[offset + i, attempt] for _lane, offset, count, attempt, _flags in rows
                  for i in range(count)]
        found = [[*place, body.hex()] for place, body in zip(places, bodies)]
        expect(found == vector["messages"], vector["name"], f"read as {found}")


def check_metas(vectors):
    for vector in vectors["valid"]:
        decoded = pawl_check.decode_meta(bytes_of(vector))
        expect(decoded == vector["decoded"], vector["name"], f"decoded to {decoded}")
    for vector in vectors["invalid"]:
        code = refused_with(pawl_check.decode_meta, bytes_of(vector))
        expect(code == vector["code"], vector["name"], f"{code} instead of {vector['code']}")


def check_cut_short(vectors):
    for vector in vectors["valid"]:
        data = bytes_of(vector)
        for size in range(len(data)):
            code = refused_with(pawl_check.decode_header, data[:size])
            expect(code == "BAD_FRAME", vector["name"], f"{code} when cut to {size} bytes")


def check_every_command_has_two(vectors):
    names = [vector["decoded"]["command"] for vector in vectors["valid"]]
    for name, _ in pawl_check.COMMANDS.values():
        expect(names.count(name) >= 2, name, "needs two valid examples")


headers = load("headers")
check_headers(headers)
check_cut_short(headers)
check_every_command_has_two(headers)
check_chunks(load("chunks"))
check_deliveries(load("deliveries"))
check_metas(load("metas"))
print("\n".join(failures) or "every vector holds")
sys.exit(1 if failures else 0)
