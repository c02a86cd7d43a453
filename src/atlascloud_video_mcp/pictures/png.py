"""Walk a PNG from chunk to chunk (PNG specification, third edition, sections 5 and 11) without decoding a pixel."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from atlascloud_video_mcp.pictures.anatomy import MAX_PARTS, PIECE, Anatomy, damaged, take, trailer_tells_place
from atlascloud_video_mcp.pictures.exif import names_place, read_exif

if TYPE_CHECKING:
    from typing import BinaryIO

_MAX_LENGTH = (1 << 31) - 1
# Metadata longer than this is not looked through; it counts as telling a place.
_MAX_METADATA = 8_000_000
_HEADER = struct.Struct(">LLBBBBB")
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE_COLOUR = 3

_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
# What decides how the pixels look; the rest is metadata, animation or private.
_ESSENCE = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB"),
    *(b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"hIST"),
}


def walk_png(file: BinaryIO) -> Anatomy:
    """Give the structure of the PNG that starts where `file` stands; raises `InvalidPicture` if it is broken."""
    walk = _Walk(file)
    walk.run()
    return walk.anatomy


class _Walk:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.anatomy = Anatomy()
        self.seen: set[bytes] = set()
        self.colour = 0

    def run(self) -> None:
        take(self.file, 8)
        self.anatomy.keep(0, 8)
        for _ in range(MAX_PARTS):
            name = self.chunk()
            if name == b"IEND":
                self.end()
                return
        raise damaged("PNG", f"it has more than {MAX_PARTS:,} chunks")

    def chunk(self) -> bytes:
        start = self.file.tell()
        head = take(self.file, 8)
        length, name = int.from_bytes(head[:4]), head[4:]
        if length > _MAX_LENGTH or not (name.isascii() and name.isalpha()):
            raise damaged("PNG", f"at byte {start:,} a chunk should start, but does not")
        if (name == b"IHDR") != (not self.seen):
            raise damaged("PNG", "its header is missing or out of place")
        data = self.checked(name, length)
        self.seen.add(name)
        self.understand(name, data)
        if name in _ESSENCE:
            self.anatomy.keep(start, self.file.tell())
        return name

    def checked(self, name: bytes, length: int) -> bytes | None:
        """Read a chunk's data and check its CRC; give the data of those that are looked into, None if too long."""
        wanted = name not in _ESSENCE or name == b"IHDR"
        wanted = wanted and length <= _MAX_METADATA
        kept, crc, left = bytearray(), zlib.crc32(name), length
        while left:
            piece = take(self.file, min(left, PIECE))
            crc, left = zlib.crc32(piece, crc), left - len(piece)
            if wanted:
                kept += piece
        if take(self.file, 4) != crc.to_bytes(4):
            raise damaged("PNG", f"the check sum of its {name.decode()} chunk is wrong")
        return bytes(kept) if wanted else None

    def understand(self, name: bytes, data: bytes | None) -> None:
        if name in _ESSENCE:
            if name == b"IHDR":
                self.header(data or b"")
        elif data is None:
            self.anatomy.located = True
        elif name == b"eXIf":
            exif = read_exif(data)
            self.anatomy.orientation = exif.orientation
            self.anatomy.located |= exif.located
        elif name == b"acTL":
            self.anatomy.animated = True
        else:
            self.anatomy.located |= text_tells_place(name, data) if name in _TEXTS else names_place(data)

    def header(self, data: bytes) -> None:
        if len(data) != _HEADER.size:
            raise damaged("PNG", "its header has the wrong length")
        width, height, depth, self.colour, *_ = _HEADER.unpack(data)
        if not (width and height) or depth not in _DEPTHS.get(self.colour, ()):
            raise damaged("PNG", "its header makes no sense")
        self.anatomy.width, self.anatomy.height = width, height

    def end(self) -> None:
        if b"IDAT" not in self.seen or (self.colour == _PALETTE_COLOUR and b"PLTE" not in self.seen):
            raise damaged("PNG", "its pixels or its palette are missing")
        self.anatomy.located |= trailer_tells_place(self.file)


def text_tells_place(name: bytes, data: bytes) -> bool:
    """Say whether a text chunk's data, compressed or not, holds GPS data, or cannot be read."""
    keyword, _, text = data.partition(b"\0")
    try:
        text = _plain(name, text)
        if keyword.startswith(b"Raw profile type"):
            # ImageMagick's way to keep a profile: a name and a length on lines of their own, then hexadecimal digits.
            text = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except (zlib.error, ValueError):
        return True
    embedded = text.startswith((b"Exif\0\0", b"II*\0", b"MM\0*"))
    return read_exif(text).located if embedded else names_place(keyword + b" " + text)


def _plain(name: bytes, text: bytes) -> bytes:
    """Give what stands after the keyword of a text chunk, decompressed up to a limit."""
    compressed = True
    if name == b"tEXt":
        compressed = False
    elif name == b"zTXt":
        text = text[1:]  # the compression method
    else:
        compressed = text.startswith(b"\1")
        text = text[2:].split(b"\0", 2)[-1]  # flag and method, language, translated keyword
    return zlib.decompressobj().decompress(text, _MAX_METADATA) if compressed else text
