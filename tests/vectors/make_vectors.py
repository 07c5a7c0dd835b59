#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the four .json files beside this one. The examples and what they decode to are given by
hand, after docs/protocol.md; only the packing is done by msgpack."""

import json
import pathlib

import msgpack

HERE = pathlib.Path(__file__).parent
TOKEN = bytes(range(16))
STORE = bytes(range(16, 32))
MOST = 2**63 - 1
LEASE = (2 << 40) + 1  # boot 2, the first of its counter


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def hex_of(data):
    return data.hex()


# Headers ---------------------------------------------------------------------------------------

headers = {"valid": [], "invalid": []}


def header(name, raw, decoded, canonical=True):
    data = raw if isinstance(raw, bytes) else pack(raw)
    headers["valid"].append(
        {"name": name, "hex": hex_of(data), "decoded": decoded, "canonical": canonical})


def bad_header(name, raw, code):
    entry = {"name": name, "code": code}
    if isinstance(raw, list) and raw and isinstance(raw[0], tuple):
        entry["bytes"] = [[hex_of(part), times] for part, times in raw]
    else:
        entry["hex"] = hex_of(raw if isinstance(raw, bytes) else pack(raw))
    headers["invalid"].append(entry)


def hello(**fields):
    return {"command": "HELLO", "versions": [1], "peer": "", "token": None, "capabilities": 0,
            "slots": 0, "got": 0, "held": [], "number": 0, **fields}


def opening(**fields):
    return {"command": "OPEN", "group": "", "source": "", "anonymous": False, "epoch": 0,
            "durability": 1, **fields}


def opened(**fields):
    return {"command": "OPENED", "epoch": 0, "floor": 1, "known": [], "durability": 1,
            "handler_timeout_ms": 0, "max_attempts": 0, "body_bytes_max": 0,
            "backoff_initial_ms": 0, "forgotten": False, **fields}


header("a hello of three fields (protocol.md, Bytes)",
       bytes.fromhex("930101830091 01 01a27079 0401"), hello(peer="py", slots=1))
header("a hello that resumes",
       [1, 1, {0: [1, 2], 1: "wörker", 2: TOKEN, 4: 8, 5: 77, 6: [[1, LEASE, 0, 40, 10], [2,
       LEASE + 1, 0, 0, 1]], 7: 3}],
       hello(versions=[1, 2], peer="wörker", token=TOKEN.hex(), slots=8, got=77,
             held=[[1, LEASE, 0, 40, 10], [2, LEASE + 1, 0, 0, 1]], number=3))
header("a hello whose token is nil and that has fields of a later version",
       [1, 1, {0: [1], 2: None, 64: {"x": [1.5, None]}, 300: "later"}], hello(), canonical=False)
header("a welcome",
       [1, 2, {0: 1, 1: STORE, 2: 3, 3: TOKEN, 5: 10000, 6: 2000, 7: 1048576, 8: 131072, 9: 4096,
               10: 1700000000000000}],
       {"command": "WELCOME", "version": 1, "store_id": STORE.hex(), "boot": 3,
        "token": TOKEN.hex(), "resumed": False, "lease_ms": 10000, "beat_ms": 2000,
        "body_bytes_max": 1048576, "chunk_bytes_aim": 131072, "chunk_messages_max": 4096,
        "hub_time_us": 1700000000000000})
header("a welcome that resumed",
       [1, 2, {0: 1, 1: STORE, 2: 2**64 - 1, 3: TOKEN, 4: True, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1,
       10: 0}],
       {"command": "WELCOME", "version": 1, "store_id": STORE.hex(), "boot": 2**64 - 1,
        "token": TOKEN.hex(), "resumed": True, "lease_ms": 1, "beat_ms": 1, "body_bytes_max": 1,
        "chunk_bytes_aim": 1, "chunk_messages_max": 1, "hub_time_us": 0})
header("a producer opens", [1, 3, {0: 1, 1: "orders", 2: 1, 4: "till-7", 6: 4, 7: 3}],
       opening(handle=1, name="orders", role=1, source="till-7", epoch=4, durability=3))
header("an anonymous producer opens", [1, 3, {0: 2, 1: "orders", 2: 1, 4: "5e1f", 5: True}],
       opening(handle=2, name="orders", role=1, source="5e1f", anonymous=True))
header("a worker opens; the name is judged later", [1, 3, {0: 4294967295, 1: "", 2: 2}],
       opening(handle=4294967295, name="", role=2))
header("opened for a worker", [1, 4, {0: 1, 4: 2, 5: 1800000, 6: 5, 7: 1048576, 8: 1000}],
       opened(handle=1, durability=2, handler_timeout_ms=1800000, max_attempts=5,
              body_bytes_max=1048576, backoff_initial_ms=1000))
header("opened for a producer with gaps",
       [1, 4, {0: 1, 1: 5, 2: 100, 3: [[102, 3], [MOST - 1, 1]], 4: 3, 9: True}],
       opened(handle=1, epoch=5, floor=100, known=[[102, 3], [MOST - 1, 1]], durability=3,
              forgotten=True))
header("a send of two messages (protocol.md, Bytes)",
       bytes.fromhex("930105 810091 980102050702000000"),
       {"command": "SEND", "parts": [[1, 2, 5, 7, 2, 0, 0, 0]], "atomic": False})
header("a send of two parts that leave out what is 0",
       [1, 5, {0: [[1, 0, 1, 1, 4096], [2, 9, 3, 3, 1, 0, 0, 3]]}],
       {"command": "SEND", "parts": [[1, 0, 1, 1, 4096, 0, 0, 0], [2, 9, 3, 3, 1, 0, 0, 3]],
        "atomic": False}, canonical=False)
header("a confirm", [1, 6, {0: 1, 1: 3, 2: [[7, 2, 0, 40, False]]}],
       {"command": "CONFIRM", "handle": 1, "durability": 3, "rows": [[7, 2, 0, 40, False]]})
header("a confirm of duplicates, its durability at its default",
       [1, 6, {0: 1, 2: [[1, 300, 0, 0, True], [301, 1, 0, MOST - 1, False]]}],
       {"command": "CONFIRM", "handle": 1, "durability": 1,
        "rows": [[1, 300, 0, 0, True], [301, 1, 0, MOST - 1, False]]}, canonical=False)
header("a transient refusal and a permanent one",
       [1, 7, {0: 1, 1: [[7, 2, 202, "an earlier one was refused", 100], [9, 1, 102, "", 0]]}],
       {"command": "REFUSE", "handle": 1,
        "rows": [[7, 2, 202, "an earlier one was refused", 100], [9, 1, 102, "", 0]]})
header("a refusal with a code of a later version", [1, 7, {0: 1, 1: [[7, 2, 299, "?", 0]]}],
       {"command": "REFUSE", "handle": 1, "rows": [[7, 2, 299, "?", 0]]})
header("credit", [1, 8, {0: 1, 1: 65536, 2: 4194304}],
       {"command": "CREDIT", "handle": 1, "messages_total": 65536, "bytes_total": 4194304})
header("no credit, in the widest integers",
       bytes.fromhex("93 d30000000000000001 cf0000000000000008"
                     "83 d000 d30000000000000001 01 d10000 02 ce00000000"),
       {"command": "CREDIT", "handle": 1, "messages_total": 0, "bytes_total": 0}, canonical=False)
header("a delivery", [1, 9, {0: 1, 1: 12, 2: LEASE, 3: [[0, 40, 10, 1, 0], [0, 7, 1, 3, 1]]}],
       {"command": "DELIVER", "handle": 1, "number": 12, "lease": LEASE,
        "rows": [[0, 40, 10, 1, 0], [0, 7, 1, 3, 1]]})
header("two rows in one frame", [1, 9, {0: 1, 1: 2, 2: 9, 3: [[0, 40, 1, 2, 1], [0, 43, 2, 3, 5]]}],
       {"command": "DELIVER", "handle": 1, "number": 2, "lease": 9,
        "rows": [[0, 40, 1, 2, 1], [0, 43, 2, 3, 5]]})
header("a suspect is delivered alone", [1, 9, {0: 3, 1: 1, 2: 1, 3: [[0, 0, 1, 2, 3]]}],
       {"command": "DELIVER", "handle": 3, "number": 1, "lease": 1, "rows": [[0, 0, 1, 2, 3]]})
header("ten acks and a nack (protocol.md, Bytes)",
       bytes.fromhex("93010a 830001 0103 0292"
                     "9701cf000002000000000100280ac0a0"
                     "9702cf00000200000000010032 01c0ab6e6f2073756368206b6579"),
       {"command": "SETTLE", "handle": 1, "number": 3,
        "rows": [[1, LEASE, 0, 40, 10, None, ""], [2, LEASE, 0, 50, 1, None, "no such key"]]})
header("every verb, with and without the last columns",
       [1, 10, {0: 1, 1: 1, 2: [[1, 5, 0, 0, 1], [2, 5, 0, 1, 1, 250], [3, 5, 0, 2, 1, None, "bad"],
                                [4, 5, 0, 3, 1, 315360000000, ""], [5, 5, 0, 4, 1, None]]}],
       {"command": "SETTLE", "handle": 1, "number": 1,
        "rows": [[1, 5, 0, 0, 1, None, ""], [2, 5, 0, 1, 1, 250, ""], [3, 5, 0, 2, 1, None, "bad"],
                 [4, 5, 0, 3, 1, 315360000000, ""], [5, 5, 0, 4, 1, None, ""]]}, canonical=False)
header("all was settled", [1, 11, {0: 1, 1: 3}],
       {"command": "SETTLED", "handle": 1, "upto": 3, "exceptions": []})
header("settled but for two ranges",
       [1, 11, {0: 1, 1: 4, 2: [[LEASE, 0, 50, 1, 300], [LEASE, 0, 60, 4, 301]]}],
       {"command": "SETTLED", "handle": 1, "upto": 4,
        "exceptions": [[LEASE, 0, 50, 1, 300], [LEASE, 0, 60, 4, 301]]})
header("a first beat", [1, 12, {0: 1}],
       {"command": "BEAT", "number": 1, "echo": 0, "received_upto": 0, "settled_upto": 0})
header("a beat with the largest numbers", [1, 12, {0: MOST, 1: MOST, 2: MOST, 3: MOST}],
       {"command": "BEAT", "number": MOST, "echo": MOST, "received_upto": MOST,
       "settled_upto": MOST})
header("a recall", [1, 13, {0: 1, 1: 100}], {"command": "RECALL", "handle": 1, "messages": 100})
header("a recall of none", [1, 13, {0: 2, 1: 0}], {"command": "RECALL", "handle": 2, "messages": 0})
header("a query", [1, 14, {0: 7, 1: "stat"}],
       {"command": "QUERY", "id": 7, "what": "stat", "after": ""})
header("a query for the next page", [1, 14, {0: 2**64 - 1, 1: "stat", 2: "orders"}],
       {"command": "QUERY", "id": 2**64 - 1, "what": "stat", "after": "orders"})
header("a reply with more to come", [1, 15, {0: 7, 1: 0, 3: True}],
       {"command": "REPLY", "id": 7, "code": 0, "text": "", "more": True})
header("a reply that refuses", [1, 15, {0: 7, 1: 101, 2: "peek is not served here"}],
       {"command": "REPLY", "id": 7, "code": 101, "text": "peek is not served here", "more": False})
header("an error about a handle", [1, 16, {0: 103, 1: "the queue name is empty", 2: 3, 3: 1}],
       {"command": "ERROR", "code": 103, "text": "the queue name is empty", "about": 3,
       "handle": 1})
header("an error without a session", [1, 16, {0: 304}],
       {"command": "ERROR", "code": 304, "text": "", "about": 0, "handle": 0})
header("the hub goes", [1, 17, {0: "restart", 1: 500}],
       {"command": "GOAWAY", "reason": "restart", "retry_after_ms": 500})
header("the hub goes without a word", [1, 17, {}],
       {"command": "GOAWAY", "reason": "", "retry_after_ms": 0})
header("the peer goes", [1, 18, {}], {"command": "BYE"})
header("the peer goes, in wide lengths", bytes.fromhex("dd00000003 01 12 df00000000"),
       {"command": "BYE"}, canonical=False)

bad_header("nothing", b"", "BAD_FRAME")
bad_header("not MessagePack", b"\xc1\xc1", "BAD_FRAME")
bad_header("a map", {0: 1}, "BAD_FRAME")
bad_header("an array of two", [1, 18], "BAD_FRAME")
bad_header("an array of four", [1, 18, {}, 0], "BAD_FRAME")
bad_header("bytes after the map", pack([1, 18, {}]) + b"\xc0", "BAD_FRAME")
bad_header("cut short", pack([1, 16, {0: 304}])[:-1], "BAD_FRAME")
bad_header("fields in an array", [1, 18, []], "BAD_FRAME")
bad_header("a field number that is a str", [1, 18, {"x": 1}], "BAD_FRAME")
bad_header("a negative field number", [1, 18, {-1: 1}], "BAD_FRAME")
bad_header("version 2", [2, 18, {}], "UNSUPPORTED")
bad_header("version 2 with another frame", [2, "BYE"], "UNSUPPORTED")
bad_header("command 0", [1, 0, {}], "UNSUPPORTED")
bad_header("command 19", [1, 19, {}], "UNSUPPORTED")
bad_header("a command that is a str", [1, "BYE", {}], "BAD_FRAME")
bad_header("an unknown field below 64", [1, 18, {63: 1}], "BAD_FRAME")
bad_header("a field twice", bytes.fromhex("93010d820001 0001"), "BAD_FRAME")
bad_header("33 fields", [1, 18, {k: 0 for k in range(64, 97)}], "BAD_FRAME")
bad_header("an unknown field nested five deep", [1, 18, {64: [[[]]]}], "BAD_FRAME")
bad_header("an unknown field with a byte that MessagePack never uses",
           bytes.fromhex("9301128140c1"), "BAD_FRAME")
bad_header("a header over 65,536 bytes", [(pack([1, 18]) + b"", 1), (b"\x00", 65536)], "TOO_LARGE")
bad_header("hello without versions", [1, 1, {1: "x"}], "BAD_FRAME")
bad_header("hello with no version offered", [1, 1, {0: []}], "BAD_FRAME")
bad_header("hello with 17 versions", [1, 1, {0: list(range(1, 18))}], "BAD_FRAME")
bad_header("hello with a token of 15 bytes", [1, 1, {0: [1], 2: TOKEN[:15]}], "BAD_FRAME")
bad_header("hello with a token that is a str", [1, 1, {0: [1], 2: "0123456789abcdef"}], "BAD_FRAME")
bad_header("hello with a peer name of 129 bytes", [1, 1, {0: [1], 1: "x" * 129}], "BAD_FRAME")
bad_header("hello with a peer name that is not UTF-8", bytes.fromhex("93010182009101 01a2c3 28"),
           "BAD_FRAME")
bad_header("hello holding handle 0", [1, 1, {0: [1], 6: [[0, 1, 0, 0, 1]]}], "BAD_FRAME")
bad_header("hello holding 1,025 ranges", [1, 1, {0: [1], 6: [[1, 1, 0, 0, 1]] * 1025}], "BAD_FRAME")
bad_header("2^31 versions and ten bytes", bytes.fromhex("9301018100dd80000000") + bytes(10),
           "BAD_FRAME")
bad_header("welcome without a token", [1, 2, {0: 1, 1: STORE, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 0}],
           "BAD_FRAME")
bad_header("welcome with a beat of 0", [1, 2, {0: 1, 1: STORE, 3: TOKEN, 5: 1, 6: 0, 7: 1, 8: 1,
           9: 1}], "BAD_FRAME")
bad_header("open without a name", [1, 3, {0: 1, 2: 2}], "BAD_FRAME")
bad_header("open for handle 0", [1, 3, {0: 0, 1: "q", 2: 2}], "BAD_FRAME")
bad_header("open for handle 2^32", [1, 3, {0: 2**32, 1: "q", 2: 2}], "BAD_FRAME")
bad_header("open for role 5", [1, 3, {0: 1, 1: "q", 2: 5}], "BAD_FRAME")
bad_header("open for a producer without a source", [1, 3, {0: 1, 1: "q", 2: 1}], "BAD_FRAME")
bad_header("open with durability 0", [1, 3, {0: 1, 1: "q", 2: 2, 7: 0}], "BAD_FRAME")
bad_header("open with an epoch of 2^63", [1, 3, {0: 1, 1: "q", 2: 1, 4: "s", 6: 2**63}],
           "BAD_FRAME")
bad_header("opened with floor 0", [1, 4, {0: 1, 2: 0}], "BAD_FRAME")
bad_header("opened with a known range that is empty", [1, 4, {0: 1, 3: [[5, 0]]}], "BAD_FRAME")
bad_header("opened with a known range past 2^63", [1, 4, {0: 1, 3: [[MOST, 1]]}], "BAD_FRAME")
bad_header("send without parts", [1, 5, {}], "BAD_FRAME")
bad_header("send with an empty list of parts", [1, 5, {0: []}], "BAD_FRAME")
bad_header("send with 17 parts", [1, 5, {0: [[1, 0, 1, 1, 1]] * 17}], "BAD_FRAME")
bad_header("send with four columns", [1, 5, {0: [[1, 0, 1, 1]]}], "BAD_FRAME")
bad_header("send with nine columns", [1, 5, {0: [[1, 0, 1, 1, 1, 0, 0, 0, 0]]}], "BAD_FRAME")
bad_header("send with its floor above seq", [1, 5, {0: [[1, 0, 3, 2, 1]]}], "BAD_FRAME")
bad_header("send with seq 0", [1, 5, {0: [[1, 0, 0, 0, 1]]}], "BAD_FRAME")
bad_header("send of no messages", [1, 5, {0: [[1, 0, 1, 1, 0]]}], "BAD_FRAME")
bad_header("send of 4,097 messages", [1, 5, {0: [[1, 0, 1, 1, 4097]]}], "BAD_FRAME")
bad_header("send past 2^63", [1, 5, {0: [[1, 0, 1, MOST, 1]]}], "BAD_FRAME")
bad_header("send of a float", [1, 5, {0: [[1, 0, 1.0, 1, 1]]}], "BAD_FRAME")
bad_header("send to lane 1", [1, 5, {0: [[1, 0, 1, 1, 1, 1]]}], "UNSUPPORTED")
bad_header("send for later", [1, 5, {0: [[1, 0, 1, 1, 1, 0, 1700000000000000]]}], "UNSUPPORTED")
bad_header("send with flag 4", [1, 5, {0: [[1, 0, 1, 1, 1, 0, 0, 4]]}], "UNSUPPORTED")
bad_header("send that is atomic", [1, 5, {0: [[1, 0, 1, 1, 1]], 1: True}], "UNSUPPORTED")
bad_header("confirm of length 0", [1, 6, {0: 1, 2: [[1, 0, 0, 0, False]]}], "BAD_FRAME")
bad_header("confirm with four columns", [1, 6, {0: 1, 2: [[1, 1, 0, 0]]}], "BAD_FRAME")
bad_header("confirm with a number for a bool", [1, 6, {0: 1, 2: [[1, 1, 0, 0, 0]]}], "BAD_FRAME")
bad_header("refuse with code 0", [1, 7, {0: 1, 1: [[1, 1, 0, "", 0]]}], "BAD_FRAME")
bad_header("refuse with code 400", [1, 7, {0: 1, 1: [[1, 1, 400, "", 0]]}], "BAD_FRAME")
bad_header("refuse with a text of 1,025 bytes", [1, 7, {0: 1, 1: [[1, 1, 200, "x" * 1025, 0]]}],
           "BAD_FRAME")
bad_header("credit of -1", [1, 8, {0: 1, 1: -1}], "BAD_FRAME")
bad_header("credit of 2^63", [1, 8, {0: 1, 1: 2**63}], "BAD_FRAME")
bad_header("deliver whose first row is in the frame of the row before",
           [1, 9, {0: 1, 1: 1, 2: 1, 3: [[0, 0, 1, 1, 4]]}], "BAD_FRAME")
bad_header("deliver with number 0", [1, 9, {0: 1, 1: 0, 2: 1, 3: [[0, 0, 1, 1, 0]]}], "BAD_FRAME")
bad_header("deliver with attempt 0", [1, 9, {0: 1, 1: 1, 2: 1, 3: [[0, 0, 1, 0, 0]]}], "BAD_FRAME")
bad_header("deliver with lane 2^32", [1, 9, {0: 1, 1: 1, 2: 1, 3: [[2**32, 0, 1, 1, 0]]}],
           "BAD_FRAME")
bad_header("settle with verb 9", [1, 10, {0: 1, 1: 1, 2: [[9, 1, 0, 0, 1]]}], "BAD_FRAME")
bad_header("settle with lease 0", [1, 10, {0: 1, 1: 1, 2: [[1, 0, 0, 0, 1]]}], "BAD_FRAME")
bad_header("settle past 2^63", [1, 10, {0: 1, 1: 1, 2: [[1, 1, 0, MOST, 1]]}], "BAD_FRAME")
bad_header("settle with a delay over ten years", [1, 10, {0: 1, 1: 1, 2: [[2, 1, 0, 0, 1,
           315360000001]]}], "BAD_FRAME")
bad_header("settle with 1,025 rows", [1, 10, {0: 1, 1: 1, 2: [[1, 1, 0, 0, 1]] * 1025}],
           "BAD_FRAME")
bad_header("settle with 1,024 rows claimed and ten bytes",
           bytes.fromhex("93010a8102dc0400") + bytes(10), "BAD_FRAME")
bad_header("settled without a handle", [1, 11, {1: 1}], "BAD_FRAME")
bad_header("settled with code 99", [1, 11, {0: 1, 1: 1, 2: [[1, 0, 0, 1, 99]]}], "BAD_FRAME")
bad_header("a beat with number 0", [1, 12, {0: 0}], "BAD_FRAME")
bad_header("a beat without a number", [1, 12, {}], "BAD_FRAME")
bad_header("recall of a str", [1, 13, {0: 1, 1: "all"}], "BAD_FRAME")
bad_header("a query for nothing", [1, 14, {0: 1}], "BAD_FRAME")
bad_header("a reply with more = 1", [1, 15, {0: 1, 3: 1}], "BAD_FRAME")
bad_header("an error without a code", [1, 16, {1: "why"}], "BAD_FRAME")
bad_header("an error with a bin for a text", [1, 16, {0: 100, 1: b"why"}], "BAD_FRAME")
bad_header("goaway with a span of 2^32 ms", [1, 17, {1: 2**32}], "BAD_FRAME")

# Chunks ----------------------------------------------------------------------------------------

chunks = {"valid": [], "invalid": []}
deliveries = {"valid": []}


def chunk(name, raw, entries, canonical=True):
    chunks["valid"].append({
        "name": name, "hex": hex_of(raw), "count": len(entries), "canonical": canonical,
        "entries": [{"meta": meta.hex() if meta else None, "body": body.hex()}
                    for meta, body in entries]})


def bad_chunk(name, raw, count, code, body_bytes_max=1048576):
    parts = raw if isinstance(raw, list) else [(raw, 1)]
    chunks["invalid"].append({
        "name": name, "bytes": [[hex_of(part), times] for part, times in parts], "count": count,
        "body_bytes_max": body_bytes_max, "code": code})


def entries_of(*pairs):
    return b"".join(pack([meta, body]) for meta, body in pairs)


def plain(*bodies):
    return entries_of(*((None, body) for body in bodies))


def delivery(name, rows, frames, messages):
    deliveries["valid"].append({
        "name": name, "header": hex_of(pack([1, 9, {0: 1, 1: 1, 2: 9, 3: rows}])),
        "frames": [hex_of(frame) for frame in frames],
        "messages": [[offset, attempt, body.hex()] for offset, attempt, body in messages]})


META = {2: {"trace": "00-4bf9", "ünï": ""}, 3: 1700000000000000}
DEAD = {8: ["orders", 0, 41], 9: [[1700000000000000, "w1", "no such key", 1], [1700000001000000, "",
"", 3]], 10: 2}
chunk("two messages (protocol.md, Bytes)", bytes.fromhex("92c0c40161 92c0c4026263"), [(None, b"a"),
      (None, b"bc")])
chunk("an empty body", plain(b""), [(None, b"")])
chunk("bodies of 255 and 256 bytes", plain(b"x" * 255, b"y" * 256), [(None, b"x" * 255), (None,
      b"y" * 256)])
chunk("headers and a creation time", entries_of((META, b"{}")), [(pack(META), b"{}")])
chunk("a dead letter with its history, between two others",
      entries_of((None, b"1"), (DEAD, b"2"), (None, b"3")), [(None, b"1"), (pack(DEAD), b"2"),
                 (None, b"3")])
chunk("an empty meta", bytes.fromhex("9280c40161"), [(b"\x80", b"a")])
chunk("a meta nested four deep", entries_of(({64: [[[1]]]}, b"")), [(pack({64: [[[1]]]}), b"")])
chunk("a meta whose fields make no sense is well formed all the same",
      entries_of(({1: "no bin", 11: None}, b"")), [(pack({1: "no bin", 11: None}), b"")])
chunk("bodies in wider lengths than they need", bytes.fromhex("92c0c500016192c0c60000000162"),
      [(None, b"a"), (None, b"b")], canonical=False)

delivery("a frame a row", [[0, 40, 2, 1, 0], [0, 7, 1, 3, 1]], [plain(b"a", b"b"), plain(b"c")],
         [(40, 1, b"a"), (41, 1, b"b"), (7, 3, b"c")])
delivery("two frames of two rows each",
         [[0, 7, 1, 3, 1], [0, 9, 2, 2, 5], [0, 40, 2, 1, 0], [0, 42, 1, 1, 4]],
         [plain(b"c", b"d", b"e"), plain(b"a", b"b", b"f")],
         [(7, 3, b"c"), (9, 2, b"d"), (10, 2, b"e"), (40, 1, b"a"), (41, 1, b"b"), (42, 1, b"f")])

bad_chunk("no bytes", b"", 1, "BAD_FRAME")
bad_chunk("count 0", b"", 0, "BAD_FRAME")
bad_chunk("4,097 messages", [(bytes.fromhex("92c0c400"), 4097)], 4097, "BAD_FRAME")
bad_chunk("fewer entries than counted", plain(b"a", b"b"), 3, "BAD_FRAME")
bad_chunk("more entries than counted", plain(b"a", b"b"), 1, "BAD_FRAME")
bad_chunk("a body that ends past the chunk", bytes.fromhex("92c0c40261"), 1, "BAD_FRAME")
bad_chunk("a body that claims 4 GiB", bytes.fromhex("92c0c6ffffffff61"), 1, "BAD_FRAME")
bad_chunk("an entry of one", bytes.fromhex("91c40161"), 1, "BAD_FRAME")
bad_chunk("an entry of three", bytes.fromhex("93c0c40161c0"), 1, "BAD_FRAME")
bad_chunk("an entry in a wide array", bytes.fromhex("dc0002c0c40161"), 1, "BAD_FRAME")
bad_chunk("a body that is a str", pack([None, "a"]), 1, "BAD_FRAME")
bad_chunk("a meta that is an array", pack([[1], b"a"]), 1, "BAD_FRAME")
bad_chunk("a meta that is false", pack([False, b"a"]), 1, "BAD_FRAME")
bad_chunk("a meta with a str for a key", pack([{"x": 1}, b"a"]), 1, "BAD_FRAME")
bad_chunk("a meta with a negative key", pack([{-1: 1}, b"a"]), 1, "BAD_FRAME")
bad_chunk("a meta nested five deep", pack([{64: [[[[]]]]}, b"a"]), 1, "BAD_FRAME")
bad_chunk("a meta with a byte that MessagePack never uses", bytes.fromhex("928140c1c40161"), 1,
          "BAD_FRAME")
bad_chunk("a meta of 2^32 - 1 pairs", bytes.fromhex("92dfffffffffc40161"), 1, "BAD_FRAME")
bad_chunk("a body over the queue's limit", plain(b"12345"), 1, "TOO_LARGE", 4)
bad_chunk("a body of 1 MiB and a byte", [(bytes.fromhex("92c0c600100001"), 1), (b"\0", 2**20 + 1)],
          1, "TOO_LARGE")
bad_chunk("a meta of 65,537 bytes", [(bytes.fromhex("928140c60000fffa"), 1), (b"\0", 65530),
          (bytes.fromhex("c400"), 1)], 1, "TOO_LARGE")
bad_chunk("two messages in 131,073 bytes", [(bytes.fromhex("92c0c6 0001fff6"), 1), (b"\0", 131062),
          (bytes.fromhex("92c0c400"), 1)], 2, "TOO_LARGE")

# Metas -----------------------------------------------------------------------------------------

metas = {"valid": [], "invalid": []}


def meta(name, raw, canonical=True, **fields):
    data = raw if isinstance(raw, bytes) else pack(raw)
    decoded = {"key": "", "headers": {}, "created": None, "expires": None, "dedup_id": "",
               "reply_to": "", "origin": None, "history": [], "dropped": 0, "others": 0, **fields}
    metas["valid"].append({"name": name, "hex": hex_of(data), "decoded": decoded,
                          "canonical": canonical})


def bad_meta(name, raw):
    metas["invalid"].append({"name": name, "hex": hex_of(raw if isinstance(raw,
                            bytes) else pack(raw)), "code": "BAD_FRAME"})


meta("nothing in it", {}, canonical=False)
meta("a key", {1: b"customer-7"}, key=b"customer-7".hex())
meta("headers, created and expires", {2: {"a": "1", "b": ""}, 3: 5, 4: MOST}, headers={"a": "1",
     "b": ""}, created=5, expires=MOST)
meta("a deduplication id and a reply queue", {5: b"\0\xff", 6: "answers"}, dedup_id="00ff",
     reply_to="answers")
meta("a dead letter", DEAD, origin=["orders", 0, 41], history=DEAD[9], dropped=2)
meta("fields that are carried", {1: b"k", 7: {1: 2}, 64: [None, 1.5], 1000: "x"}, key="6b",
     others=3)
meta("fields in another order", {3: 7, 1: b"k"}, canonical=False, key="6b", created=7)

bad_meta("key 0", {0: 1})
bad_meta("key 11", {11: 1})
bad_meta("key 1 twice", bytes.fromhex("8201c40161 01c40162"))
bad_meta("a key that is a str", {1: "k"})
bad_meta("headers with a number", {2: {"a": 1}})
bad_meta("headers that are not UTF-8", bytes.fromhex("810281a1ffa161"))
bad_meta("a header twice", bytes.fromhex("810282a161a131a161a132"))
bad_meta("65 headers", {2: {str(i): "" for i in range(65)}})
bad_meta("created before 1970", {3: -1})
bad_meta("expires at 2^63", {4: 2**63})
bad_meta("a reply queue of 129 bytes", {6: "q" * 129})
bad_meta("an origin of two", {8: ["q", 0]})
bad_meta("an origin in lane 2^32", {8: ["q", 2**32, 0]})
bad_meta("a failure of kind 0", {9: [[1, "w", "r", 0]]})
bad_meta("a failure of kind 6", {9: [[1, "w", "r", 6]]})
bad_meta("a reason of 1,025 bytes", {9: [[1, "w", "r" * 1025, 1]]})
bad_meta("33 failures", {9: [[1, "w", "r", 1]] * 33})

for stem, content in (("headers", headers), ("chunks", chunks), ("deliveries", deliveries),
                      ("metas", metas)):
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (HERE / f"{stem}.json").write_text(text + "\n", encoding="utf-8")
