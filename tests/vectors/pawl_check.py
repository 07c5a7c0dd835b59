# SPDX-License-Identifier: Apache-2.0
"""A second reader of PAWL/1, written from docs/protocol.md with msgpack alone. It shares nothing
with the C++ codec, so that what both accept and refuse is what the text says."""

import dataclasses

import msgpack

U32, U63, U64 = 2**32 - 1, 2**63 - 1, 2**64 - 1
TEN_YEARS_MS = 315_360_000_000


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def need(condition, text, code="BAD_FRAME"):
    if not condition:
        raise Refused(code, text)


class Pairs(list):
    """A map as MessagePack gives it: its pairs in order, so that a key standing twice is seen."""


def unpack(data, raw=False):
    try:
        return msgpack.unpackb(data, raw=raw, strict_map_key=False, object_pairs_hook=Pairs)
    except Exception as error:  # msgpack has no common base for what it throws at bad input
        raise Refused("BAD_FRAME", f"not one MessagePack value: {error!r}") from error


def depth(value):
    if isinstance(value, Pairs):
        return 1 + max((max(depth(k), depth(v)) for k, v in value), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


# Types of section 6: each takes a decoded value and gives the plain form, or refuses -------------

def uint(low, high):
    def check(value):
        need(type(value) is int and low <= value <= high, f"{value!r} is not in {low}..{high}")
        return value
    return check


def boolean(value):
    need(type(value) is bool, f"{value!r} is no bool")
    return value


def text(size):
    def check(value):
        need(type(value) is str and len(value.encode()) <= size, f"{value!r} is no str of {size}")
        return value
    return check


def bin16(value):
    need(type(value) is bytes and len(value) == 16, f"{value!r} is no bin of 16")
    return value.hex()


def optional(check):
    return lambda value: None if value is None else check(value)


def code(value):
    need(type(value) is int and 100 <= value <= 399, f"{value!r} is no code")
    return value


def code_or_ok(value):
    return 0 if type(value) is int and value == 0 else code(value)


def numbers(low, high, check):
    def check_all(value):
        need(type(value) is list and low <= len(value) <= high, "not as many numbers as allowed")
        return [check(item) for item in value]
    return check_all


def rows(low, high, columns, defaults=(), judge=lambda row: None, judge_all=lambda rows: None):
    def check(value):
        need(type(value) is list and low <= len(value) <= high, "not as many rows as allowed")
        checked = [check_row(row) for row in value]
        judge_all(checked)
        return checked

    def check_row(row):
        least = len(columns) - len(defaults)
        need(type(row) is list and least <= len(row) <= len(columns), f"{row!r}: columns")
        row = [column(item) for column, item in zip(columns, row)]
        row += defaults[len(row) - least:]
        judge(row)
        return row
    return check


def fits(first, length):
    def judge(row):
        need(row[first] + row[length] <= U63, f"{row!r} passes 2^63 - 1")
    return judge


def judge_part(row):
    _, _, floor, seq, count, lane, deliver_at, flags = row
    need(floor <= seq, "floor above seq")
    need(seq + count <= U63, "passes 2^63 - 1")
    need(lane == 0 and deliver_at == 0 and flags < 4, "reserved", "UNSUPPORTED")


def judge_deliver(all_rows):
    need(all_rows[0][4] & 4 == 0, "the first row has a frame of its own")


def judge_confirm(row):
    fits(0, 1)(row)
    fits(3, 1)(row)


def not_atomic(value):
    need(not boolean(value), "reserved", "UNSUPPORTED")
    return False


NAME, TEXT = text(128), text(1024)
ANY32, SOME32, ANY63, SOME63 = uint(0, U32), uint(1, U32), uint(0, U63), uint(1, U63)
ANY64, SOME64, ONE_TO_4 = uint(0, U64), uint(1, U64), uint(1, 4)
COUNT = uint(1, 4096)
REQUIRED = object()


@dataclasses.dataclass
class Field:
    number: int
    name: str
    check: object
    default: object = REQUIRED
    always: bool = False


def handle(number=0):
    return Field(number, "handle", SOME32, always=True)


COMMANDS = {
    1: ("HELLO", [
        Field(0, "versions", numbers(1, 16, SOME64), always=True), Field(1, "peer", NAME, ""),
        Field(2, "token", optional(bin16), None), Field(3, "capabilities", ANY64, 0),
        Field(4, "slots", ANY32, 0), Field(5, "got", ANY63, 0),
        Field(6, "held", rows(0, 1024, [SOME32, SOME64, ANY32, ANY63, SOME63],
                              judge=fits(3, 4)), []),
        Field(7, "number", ANY63, 0)]),
    2: ("WELCOME", [
        Field(0, "version", SOME64, always=True), Field(1, "store_id", bin16, always=True),
        Field(2, "boot", ANY64, 0), Field(3, "token", bin16, always=True),
        Field(4, "resumed", boolean, False), Field(5, "lease_ms", SOME32, always=True),
        Field(6, "beat_ms", SOME32, always=True), Field(7, "body_bytes_max", SOME32, always=True),
        Field(8, "chunk_bytes_aim", SOME32, always=True),
        Field(9, "chunk_messages_max", SOME32, always=True),
        Field(10, "hub_time_us", ANY63, 0, always=True)]),
    3: ("OPEN", [
        handle(), Field(1, "name", NAME, always=True), Field(2, "role", ONE_TO_4, always=True),
        Field(3, "group", NAME, ""), Field(4, "source", NAME, ""),
        Field(5, "anonymous", boolean, False), Field(6, "epoch", ANY63, 0),
        Field(7, "durability", ONE_TO_4, 1)]),
    4: ("OPENED", [
        handle(), Field(1, "epoch", ANY63, 0), Field(2, "floor", SOME63, 1),
        Field(3, "known", rows(0, 1024, [SOME63, SOME63], judge=fits(0, 1)), []),
        Field(4, "durability", ONE_TO_4, 1, always=True), Field(5, "handler_timeout_ms", ANY32, 0),
        Field(6, "max_attempts", ANY32, 0), Field(7, "body_bytes_max", ANY32, 0),
        Field(8, "backoff_initial_ms", ANY32, 0), Field(9, "forgotten", boolean, False)]),
    5: ("SEND", [
        Field(0, "parts", rows(1, 16, [SOME32, ANY63, SOME63, SOME63, COUNT, ANY32, ANY63, ANY32],
                               [0, 0, 0], judge_part), always=True),
        Field(1, "atomic", not_atomic, False)]),
    6: ("CONFIRM", [
        handle(), Field(1, "durability", ONE_TO_4, 1, always=True),
        Field(2, "rows", rows(1, 1024, [SOME63, SOME63, ANY32, ANY63, boolean],
                              judge=judge_confirm), always=True)]),
    7: ("REFUSE", [
        handle(), Field(1, "rows", rows(1, 1024, [SOME63, SOME63, code, TEXT, ANY32],
                                        judge=fits(0, 1)), always=True)]),
    8: ("CREDIT", [handle(), Field(1, "messages_total", ANY63, 0, always=True),
                   Field(2, "bytes_total", ANY63, 0, always=True)]),
    9: ("DELIVER", [
        handle(), Field(1, "number", SOME63, always=True), Field(2, "lease", SOME64, always=True),
        Field(3, "rows", rows(1, 256, [ANY32, ANY63, COUNT, SOME32, ANY32],
                              judge=fits(1, 2), judge_all=judge_deliver), always=True)]),
    10: ("SETTLE", [
        handle(), Field(1, "number", SOME63, always=True),
        Field(2, "rows", rows(1, 1024, [uint(1, 5), SOME64, ANY32, ANY63, SOME63,
                                        optional(uint(0, TEN_YEARS_MS)), TEXT],
                              [None, ""], fits(3, 4)), always=True)]),
    11: ("SETTLED", [
        handle(), Field(1, "upto", ANY63, 0, always=True),
        Field(2, "exceptions", rows(0, 1024, [SOME64, ANY32, ANY63, SOME63, code],
                                    judge=fits(2, 3)), [])]),
    12: ("BEAT", [Field(0, "number", SOME63, always=True), Field(1, "echo", ANY63, 0),
                  Field(2, "received_upto", ANY63, 0), Field(3, "settled_upto", ANY63, 0)]),
    13: ("RECALL", [handle(), Field(1, "messages", ANY63, 0, always=True)]),
    14: ("QUERY", [Field(0, "id", ANY64, 0, always=True), Field(1, "what", NAME, always=True),
                   Field(2, "after", NAME, "")]),
    15: ("REPLY", [Field(0, "id", ANY64, 0, always=True),
                   Field(1, "code", code_or_ok, 0, always=True), Field(2, "text", TEXT, ""),
                   Field(3, "more", boolean, False)]),
    16: ("ERROR", [Field(0, "code", code, always=True), Field(1, "text", TEXT, ""),
                   Field(2, "about", ANY63, 0), Field(3, "handle", ANY32, 0)]),
    17: ("GOAWAY", [Field(0, "reason", TEXT, ""), Field(1, "retry_after_ms", ANY32, 0)]),
    18: ("BYE", []),
}
NUMBERS = {name: number for number, (name, _) in COMMANDS.items()}


def decode_header(data):
    """The command by name and all its fields, those left out at their default."""
    need(len(data) <= 65536, "header too large", "TOO_LARGE")
    frame = unpack(data)
    need(type(frame) is list and frame and type(frame[0]) is int, "no array with a version")
    need(frame[0] == 1, "another version", "UNSUPPORTED")
    need(len(frame) == 3 and type(frame[1]) is int and frame[1] >= 0, "not [1, command, fields]")
    need(frame[1] in COMMANDS, "unknown command", "UNSUPPORTED")
    need(isinstance(frame[2], Pairs) and len(frame[2]) <= 32, "no map of at most 32 fields")
    need(depth(frame) <= 4, "nested too deep")
    name, fields = COMMANDS[frame[1]]
    given = {}
    for number, value in frame[2]:
        need(type(number) is int and number >= 0, "a field number must be a uint")
        need(number not in given, "a field stands twice")
        given[number] = value
    known = {field.number for field in fields}
    need(all(number in known or number >= 64 for number in given), "an unknown field below 64")
    decoded = {"command": name}
    for field in fields:
        need(field.number in given or field.default is not REQUIRED, f"{field.name} is missing")
        is_given = field.number in given
        decoded[field.name] = field.check(given[field.number]) if is_given else field.default
    if name == "OPEN" and decoded["role"] == 1:
        need(decoded["source"] != "", "a producer needs a source")
    return decoded


def encode_header(decoded):
    """The canonical bytes: fields ascending, those at their default left out unless always."""
    number = NUMBERS[decoded["command"]]
    fields = {}
    for field in COMMANDS[number][1]:
        value = decoded[field.name]
        if field.always or value != field.default:
            is_bin = field.check is bin16 or field.name == "token"
            fields[field.number] = bytes.fromhex(value) if is_bin else value
    return msgpack.packb([1, number, fields], use_bin_type=True)


# Chunks and metas ------------------------------------------------------------------------------

def value_size(data):
    """The bytes of the first MessagePack value of `data`."""
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False, object_pairs_hook=Pairs,
                                max_buffer_size=len(data))
    unpacker.feed(data)
    try:
        unpacker.skip()
    except Exception as error:  # as in unpack()
        raise Refused("BAD_FRAME", f"cut short or not MessagePack: {error!r}") from error
    return unpacker.tell()


def check_chunk(data, count, body_bytes_max):
    """The entries as (meta or None, body), both encoded bytes of their content."""
    need(1 <= count <= 4096, "count")
    need(len(data) <= (1114128 if count == 1 else 131072), "chunk too large", "TOO_LARGE")
    entries = []
    for _ in range(count):
        need(data[:1] == b"\x92", "an entry begins with 0x92")
        meta, data = data[1:1 + value_size(data[1:])], data[1 + value_size(data[1:]):]
        body, data = data[:value_size(data)], data[value_size(data):]
        need(body[:1] in (b"\xc4", b"\xc5", b"\xc6"), "the body must be bin")
        if meta != b"\xc0":
            pairs = unpack(meta, raw=True)
            need(isinstance(pairs, Pairs), "the meta must be nil or a map")
            need(all(type(key) is int and key >= 0 for key, _ in pairs), "a meta's keys are uints")
            need(depth(pairs) <= 4, "the meta is nested too deep")
            need(len(meta) <= 65536, "meta too large", "TOO_LARGE")
        content = unpack(body)
        need(len(content) <= body_bytes_max, "body too large", "TOO_LARGE")
        entries.append((None if meta == b"\xc0" else meta, content))
    need(data == b"", "bytes after the last entry")
    return entries


def str_map(value):
    need(isinstance(value, Pairs) and len(value) <= 64, "headers are a map of at most 64")
    need(all(type(k) is str and type(v) is str for k, v in value), "headers are {str: str}")
    need(len(dict(value)) == len(value), "a header stands twice")
    return dict(value)


def binary(value):
    need(type(value) is bytes, "must be bin")
    return value.hex()


def row_of(columns):
    def check(value):
        need(type(value) is list and len(value) == len(columns), "columns")
        return [column(item) for column, item in zip(columns, value)]
    return check


META = {
    1: ("key", binary, ""), 2: ("headers", str_map, {}), 3: ("created", ANY63, None),
    4: ("expires", ANY63, None), 5: ("dedup_id", binary, ""), 6: ("reply_to", NAME, ""),
    8: ("origin", row_of([NAME, ANY32, ANY64]), None),
    9: ("history", rows(0, 32, [ANY63, NAME, TEXT, uint(1, 5)]), []),
    10: ("dropped", ANY64, 0),
}


def decode_meta(data):
    decoded = {name: default for name, _, default in META.values()} | {"others": 0}
    seen = set()
    for key, value in unpack(data):
        need(key not in seen or key >= 64, "a key stands twice")
        seen.add(key)
        if key == 7 or key >= 64:
            decoded["others"] += 1
            continue
        need(key in META, "an unknown key below 64")
        name, check, _ = META[key]
        decoded[name] = check(value)
    return decoded
