#!/usr/bin/env python3
"""Prints what a program needs of the system when it starts, one a line, sorted: the shared libraries of an ELF, PE or
Mach-O file, and its dynamic loader.

    scripts/program_needs.py FILE
"""
import struct
import sys
from pathlib import Path


def text_at(data, place):
    return data[place:data.index(b"\0", place)].decode()


def elf_needs(data):
    """A 64-bit little-endian one; nothing else is built here."""
    if data[4:6] != b"\2\1":
        raise ValueError("an ELF file, but not 64-bit little-endian")
    table, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    loads, dynamic, found = [], None, []
    for i in range(count):
        kind, _, place, address, _, length = struct.unpack_from("<IIQQQQ", data, table + i * size)
        if kind == 1:
            loads.append((address, length, place))
        elif kind == 2:
            dynamic = (place, length)
        elif kind == 3:
            found.append(text_at(data, place))
    if dynamic is None:
        return found
    entries = [struct.unpack_from("<QQ", data, dynamic[0] + at) for at in range(0, dynamic[1], 16)]
    strings = next((value for tag, value in entries if tag == 5), 0)
    strings = next((strings - address + place for address, length, place in loads
                    if address <= strings < address + length), None)
    if strings is None:
        raise ValueError("an ELF file that names a place outside its segments")
    return found + [text_at(data, strings + value) for tag, value in entries if tag == 1]


def pe_needs(data):
    head, = struct.unpack_from("<I", data, 0x3C)
    sections, = struct.unpack_from("<H", data, head + 6)
    optional_size, = struct.unpack_from("<H", data, head + 20)
    optional = head + 24
    if struct.unpack_from("<H", data, optional) != (0x20B,):
        raise ValueError("a PE file, but not 64-bit")
    table = [struct.unpack_from("<IIII", data, optional + optional_size + i * 40 + 8) for i in range(sections)]

    def place_of(address):
        for size, start, raw, place in table:
            if start <= address < start + max(size, raw):
                return place + address - start
        raise ValueError("a PE file that names a place outside its sections")

    found = []
    for directory, size, name_at in ((1, 20, 12), (13, 32, 4)):  # imports, delayed imports
        address, = struct.unpack_from("<I", data, optional + 112 + directory * 8)
        while address:
            name, = struct.unpack_from("<I", data, place_of(address) + name_at)
            if not name:
                break
            found.append(text_at(data, place_of(name)).lower())
            address += size
    return found


def mach_o_needs(data):
    commands, = struct.unpack_from("<I", data, 16)
    place, found = 32, []
    for _ in range(commands):
        kind, size = struct.unpack_from("<II", data, place)
        if kind & 0x7FFFFFFF in (0x0C, 0x18, 0x1F):  # a library, a weak one, one that is exported again
            found.append(text_at(data, place + struct.unpack_from("<I", data, place + 8)[0]))
        place += size
    return found


def needs(data):
    if data[:4] == b"\x7fELF":
        return elf_needs(data)
    if data[:2] == b"MZ":
        return pe_needs(data)
    if data[:4] == b"\xcf\xfa\xed\xfe":
        return mach_o_needs(data)
    raise ValueError("neither ELF nor PE nor Mach-O")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print("".join(f"{one}\n" for one in sorted(set(needs(Path(sys.argv[1]).read_bytes())))), end="")
    except (OSError, ValueError, struct.error) as error:
        sys.exit(f"program_needs: {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
