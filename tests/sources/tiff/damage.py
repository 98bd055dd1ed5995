"""Damage to TIFF files, drawn from a seed: what disks, networks, and hands that mean harm do to them."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = (254, 256, 257, 258, 259, 262, 266, 270, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338, 339)
_MORE_CODES = (32997, 32998, 33628, 33629, 34412, 50838, 50839, 50844, 51123, 65420)
_NUMBERS = (0, 1, 2, 3, 7, 8, 255, 256, 4096, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1)


@dataclass(frozen=True)
class Entry:
    """A tag of a page: where its 12 or 20 bytes lie, and where its values do."""

    at: int
    code: int
    values_at: int
    n_values: int
    value_bytes: int


@dataclass(frozen=True)
class Structure:
    """Where a whole TIFF has its pages and tags."""

    order: str
    big: bool
    entries: list[Entry]
    pages_at: list[int]
    links_at: list[int]


def structure(content: bytes) -> Structure:
    """Find the pages and tags of a whole TIFF."""
    order = "<" if content[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", content, 2)[0] == 43
    n_format, entry_format, link_format = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    inline, entry_bytes = (8, 20) if big else (4, 12)
    entries: list[Entry] = []
    pages_at: list[int] = []
    links_at = [8 if big else 4]
    pending = [struct.unpack_from(order + link_format, content, links_at[0])[0]]
    while pending:
        at = pending.pop(0)
        if at == 0 or at in pages_at:
            continue
        pages_at.append(at)
        (n_entries,) = struct.unpack_from(order + n_format, content, at)
        at += struct.calcsize(n_format)
        for number in range(n_entries):
            entry_at = at + number * entry_bytes
            code, kind, count, value = struct.unpack_from(order + entry_format, content, entry_at)
            size = _SIZES.get(kind, 1)
            values_at = entry_at + entry_bytes - inline if size * count <= inline else value
            entries.append(Entry(entry_at, code, values_at, count, size))
            if code == 330 and count < 16:
                pending += struct.unpack_from(f"{order}{count}{'Q' if size == 8 else 'I'}", content, values_at)
        links_at.append(at + n_entries * entry_bytes)
        pending.append(struct.unpack_from(order + link_format, content, links_at[-1])[0])
    return Structure(order, big, entries, pages_at, links_at)


def damage(content: bytes, other: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Damage a whole TIFF in one way or two, and say what was done; `other` is a file to splice from."""
    found = structure(content)
    kinds = list(rng.choice(list(_KINDS), 1 + int(rng.geometric(0.7) > 1), replace=False))
    damaged = bytearray(content)
    for kind in kinds:
        _KINDS[kind](damaged, other, found, rng)
    return " and ".join(kinds), bytes(damaged)


def _bits(content: bytearray, _other: bytes, _found: Structure, rng: np.random.Generator) -> None:
    for at in rng.integers(0, len(content), int(rng.integers(1, 9))):
        content[at] ^= 1 << int(rng.integers(8))


def _header(content: bytearray, _other: bytes, found: Structure, rng: np.random.Generator) -> None:
    content[int(rng.integers(16 if found.big else 8))] = int(rng.integers(256))


def _tag(content: bytearray, _other: bytes, found: Structure, rng: np.random.Generator) -> None:
    """Change the code, the type, the number of values, or a value of a tag."""
    entry = _entry(found, rng)
    wide = "Q" if found.big else "I"
    match int(rng.integers(6)):
        case 0:
            _put(content, entry.at, found.order + "H", int(rng.choice(_CODES + _MORE_CODES)))
        case 1:
            _put(content, entry.at + 2, found.order + "H", int(rng.integers(19)))
        case 2:
            _put(content, entry.at + 4, found.order + wide, _number(content, rng))
        case 3:
            _put(content, entry.at + (12 if found.big else 8), found.order + wide, _number(content, rng))
        case _:
            number = int(rng.integers(max(1, min(entry.n_values, 4096))))
            code = {1: "B", 2: "H", 4: "I", 8: "Q"}[entry.value_bytes]
            _put(content, entry.values_at + number * entry.value_bytes, found.order + code, _number(content, rng))


def _positions(content: bytearray, _other: bytes, found: Structure, rng: np.random.Generator) -> None:
    """Change a position or a number of bytes of a strip or tile."""
    entries = [entry for entry in found.entries if entry.code in {273, 279, 324, 325}]
    if entries:
        entry = entries[int(rng.integers(len(entries)))]
        code = {1: "B", 2: "H", 4: "I", 8: "Q"}[entry.value_bytes]
        for _ in range(int(rng.integers(1, 4))):
            number = int(rng.integers(max(1, min(entry.n_values, 4096))))
            _put(content, entry.values_at + number * entry.value_bytes, found.order + code, _number(content, rng))


def _links(content: bytearray, _other: bytes, found: Structure, rng: np.random.Generator) -> None:
    """Let the list of pages go in circles, into nothing, or into the middle of something."""
    target = rng.choice([*found.pages_at, 0, len(content) - 1, len(content), int(rng.integers(len(content)))])
    _put(content, int(rng.choice(found.links_at)), found.order + ("Q" if found.big else "I"), int(target))


def _cut(content: bytearray, _other: bytes, _found: Structure, rng: np.random.Generator) -> None:
    del content[int(rng.integers(len(content))) :]


def _grow(content: bytearray, _other: bytes, _found: Structure, rng: np.random.Generator) -> None:
    content += rng.bytes(int(rng.integers(1, 4096))) if rng.integers(2) else bytes(int(rng.integers(1, 4096)))


def _splice(content: bytearray, other: bytes, _found: Structure, rng: np.random.Generator) -> None:
    """Put a piece of a file, of itself, or of nothing into it, over or between what is there; or take a piece out."""
    at, n_bytes = int(rng.integers(len(content) + 1)), int(rng.integers(1, 1 + max(1, len(content) // 2)))
    source = (other, bytes(content), bytes(n_bytes), rng.bytes(n_bytes), b"")[int(rng.integers(5))]
    start = int(rng.integers(max(1, len(source))))
    content[at : at + (n_bytes if rng.integers(2) else 0)] = source[start : start + n_bytes]


def _text(content: bytearray, _other: bytes, _found: Structure, rng: np.random.Generator) -> None:
    """Change numbers and letters in what the file says in words."""
    texts = list(re.finditer(rb"[\x20-\x7e\n]{24,}", bytes(content)))
    if not texts:
        return
    text = texts[int(rng.integers(len(texts)))]
    numbers = list(re.finditer(rb"\d+", text.group()))
    if numbers and rng.integers(4):
        number = numbers[int(rng.integers(len(numbers)))]
        at, n_digits = text.start() + number.start(), len(number.group())
        new = b"%d" % rng.choice([0, 1, 2, 3, 7, 1000, 99999, 10**9, 10**12, 10**18])
        # As long as before, so that what follows stays in its place; or longer, over what follows.
        new = new[:n_digits].rjust(n_digits, b"0") if rng.integers(2) else new
        content[at : at + len(new)] = new
    else:
        at = int(rng.integers(text.start(), text.end()))
        content[at] = int(rng.integers(32, 127))


def _pixels(content: bytearray, _other: bytes, found: Structure, rng: np.random.Generator) -> None:
    """Change what a strip or tile begins with, where codecs say how large it is."""
    entries = [entry for entry in found.entries if entry.code in {273, 324}]
    if entries:
        entry = entries[int(rng.integers(len(entries)))]
        code = {2: "H", 4: "I", 8: "Q"}.get(entry.value_bytes, "B")
        number = int(rng.integers(max(1, entry.n_values)))
        place = entry.values_at + number * entry.value_bytes
        if place + entry.value_bytes > len(content):
            return
        (at,) = struct.unpack_from(found.order + code, content, place)
        for _ in range(int(rng.integers(1, 6))):
            place = at + int(rng.geometric(0.05))
            if place < len(content):
                content[place] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))]))


_KINDS: dict[str, Callable[[bytearray, bytes, Structure, np.random.Generator], None]] = {
    "bits": _bits,
    "header": _header,
    "tag": _tag,
    "tag again": _tag,
    "positions": _positions,
    "links": _links,
    "cut": _cut,
    "grow": _grow,
    "splice": _splice,
    "text": _text,
    "pixels": _pixels,
}


def _entry(found: Structure, rng: np.random.Generator) -> Entry:
    return found.entries[int(rng.integers(len(found.entries)))]


def _number(content: bytearray, rng: np.random.Generator) -> int:
    return int(rng.choice(np.array([*_NUMBERS, len(content), len(content) - 1, int(rng.integers(2**32))], object)))


def _put(content: bytearray, at: int, form: str, number: int) -> None:
    """Write a number, as far as there is room for it."""
    n_bytes = struct.calcsize(form)
    if 0 <= at <= len(content) - n_bytes:
        struct.pack_into(form, content, at, number % 2 ** (8 * n_bytes))
