"""Take a PNG apart (PNG specification, third edition), and put it together again without metadata."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlascloud_video_mcp.media.pictures.rules import damaged, truncated

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIECE = 1 << 20
_MOST_CHUNKS = 200_000
_HEADER = struct.Struct(">LLBBBBB")
# Samples of a pixel and bits of a sample, by colour type.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE, _COLOURED, _WITH_ALPHA = 3, {2, 3, 6}, {4, 6}
# Where each of Adam7's passes begins, and its steps: x, y, dx, dy.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_LAST_FILTER = 4

# The chunks that define the colours, beside the profile, and their lengths.
_COLOURS = {b"cICP": 4, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1}
_METADATA = {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}
# The only texts that hold an orientation; all that cameras and programs write is smaller than the limit.
_ORIENTED = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
_MOST_METADATA, _MOST_PROFILE = 1_000_000, 4_000_000
# Compressed data that is larger than what it inflates to, by more than this, hides something.
_MOST_OVERHEAD, _SMALL = 1.1, 1000


@dataclass
class Png:
    """A PNG's structure; sizes are pixels as stored, before any EXIF turn."""

    width: int = 0
    height: int = 0
    depth: int = 0
    colour: int = 0
    interlaced: bool = False
    metadata: bytes = b""
    """The chunks that may hold an orientation."""
    profile: bytes = b""
    """Its ICC profile, decompressed."""
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    """The chunks that define how the pixels look."""
    coded: list[bytes] = field(default_factory=list)
    """The data of its IDAT chunks."""

    @property
    def may_be_transparent(self) -> bool:
        """Whether it has an alpha channel, or a transparent colour."""
        return self.colour in _WITH_ALPHA or b"tRNS" in self.chunks

    @property
    def key(self) -> int | tuple[int, ...] | None:
        """The transparent colour of a picture without a palette, in the 8 bits that Pillow decodes it to."""
        if b"tRNS" not in self.chunks or self.colour == _PALETTE:
            return None
        most = (1 << self.depth) - 1
        samples = [value for (value,) in struct.iter_unpack(">H", self.chunks[b"tRNS"])]
        eight = [value >> 8 if self.depth == 16 else value * 255 // most for value in samples]  # noqa: PLR2004
        return tuple(eight) if self.is_coloured else eight[0]

    @property
    def is_coloured(self) -> bool:
        """Whether it is not greyscale."""
        return self.colour in _COLOURED

    @property
    def decoded_bytes(self) -> int:
        """Bytes that its pixels take in Pillow."""
        grey = 2 if self.depth == 16 else 1  # noqa: PLR2004 - bits of a sample
        return self.width * self.height * (4 if self.colour in {2, 4, 6} else grey)

    @property
    def cicp(self) -> bytes:
        """Colour primaries, transfer function, matrix and range as numbers of ITU-T H.273, or nothing."""
        return self.chunks.get(b"cICP", b"")

    def clean(self, profile: bytes) -> bytes:
        """The picture without metadata, with a colour profile."""
        icc = _chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile)) if profile else b""
        colours = (_chunk(name, self.chunks[name]) for name in _COLOURS if name in self.chunks)
        head = _HEADER.pack(self.width, self.height, self.depth, self.colour, 0, 0, self.interlaced)
        tables = (_chunk(name, self.chunks[name]) for name in (b"PLTE", b"tRNS") if name in self.chunks)
        pixels = (_chunk(b"IDAT", data) for data in self.coded)
        return b"".join([_SIGNATURE, _chunk(b"IHDR", head), icc, *colours, *tables, *pixels, _chunk(b"IEND", b"")])

    def check_pixels(self) -> None:
        """Inflate the pixel data without keeping it: it must be complete; what is behind it is dropped.

        Raises:
            InvalidPicture: It is not pixel data of this size.
        """
        passes = [(stride, rows) for stride, rows in self._passes() if stride and rows]
        expected = sum(stride * rows for stride, rows in passes)
        if sum(map(len, self.coded)) > expected * _MOST_OVERHEAD + _SMALL:
            raise damaged("PNG", "there is more than its pixels where they should be")
        place = 0
        for piece in self._inflated():
            if place + len(piece) > expected:
                raise damaged("PNG", "it has more pixels than its header says")
            if max(_filters(piece, place, passes), default=0) > _LAST_FILTER:
                raise damaged("PNG", "its pixel data is invalid")
            place += len(piece)
        if place < expected:
            raise damaged("PNG", "it has fewer pixels than its header says")

    def _passes(self) -> list[tuple[int, int]]:
        """For each pass the bytes of a row, its filter byte included, and the number of rows."""
        bits = _SAMPLES[self.colour] * self.depth
        steps = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        sizes = [(-(-(self.width - x) // dx), -(-(self.height - y) // dy)) for x, y, dx, dy in steps]
        return [(1 + -(-columns * bits // 8) if columns > 0 else 0, max(rows, 0)) for columns, rows in sizes]

    def _inflated(self) -> Iterator[bytes]:
        """The pixel data in pieces; raises `InvalidPicture` where the zlib stream is broken or incomplete."""
        stream = zlib.decompressobj()
        try:
            for number, part in enumerate(self.coded):
                packed, piece = part, b""
                while (packed or len(piece) == _PIECE) and not stream.eof:
                    piece = stream.decompress(packed, _PIECE)
                    yield piece
                    packed = stream.unconsumed_tail
                if stream.eof:  # what is behind it is not part of the picture
                    self.coded[number:] = [part[: len(part) - len(stream.unused_data)]]
                    return
        except zlib.error as error:
            raise damaged("PNG", "its pixel data does not decompress") from error
        raise damaged("PNG", "its pixel data breaks off")


def read_png(data: bytes) -> Png:
    """The structure of a PNG; raises `InvalidPicture` if it is broken."""
    png, place = Png(), len(_SIGNATURE)
    for number in range(_MOST_CHUNKS):
        length, name = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        end = place + 8 + length
        if end + 4 > len(data):
            raise truncated("PNG", len(data))
        if (name == b"IHDR") != (number == 0):
            raise damaged("PNG", "its header is missing or out of place")
        if name == b"IEND":
            break
        _understand(png, name, memoryview(data)[place : end + 4])
        place = end + 4
    else:
        raise damaged("PNG", f"it has more than {_MOST_CHUNKS:,} chunks")
    if not png.coded or (png.colour == _PALETTE) > (b"PLTE" in png.chunks):
        raise damaged("PNG", "its pixels or its palette are missing")
    return png


def _understand(png: Png, name: bytes, chunk: memoryview) -> None:
    """Read a chunk; a wrong checksum matters only where the chunk is needed."""
    data = bytes(chunk[8:-4])
    needed = name in {b"IHDR", b"PLTE", b"IDAT", b"tRNS"}
    if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]):
        if needed:
            raise damaged("PNG", f"the checksum of its {name.decode()} chunk is wrong")
        return
    if name == b"IHDR":
        _read_header(png, data)
    elif name == b"IDAT":
        png.coded.append(data)
    elif name in _METADATA:
        oriented = name == b"eXIf" or data.startswith(_ORIENTED)
        if oriented and len(png.metadata) + len(chunk) < _MOST_METADATA:
            png.metadata += chunk
    elif not png.coded:
        _keep(png, name, data)


def _read_header(png: Png, data: bytes) -> None:
    if len(data) != _HEADER.size:
        raise damaged("PNG", "its header has the wrong length")
    png.width, png.height, png.depth, png.colour, compression, filtering, interlacing = _HEADER.unpack(data)
    png.interlaced = interlacing == 1
    sane = png.width and png.height and png.depth in _DEPTHS.get(png.colour, ())
    if not sane or compression or filtering or interlacing > 1:
        raise damaged("PNG", "its header is invalid")


def _keep(png: Png, name: bytes, data: bytes) -> None:
    """Keep a chunk that defines how the pixels look, where it is valid and the first of its kind."""
    if name in png.chunks:
        return
    entries = len(png.chunks.get(b"PLTE", b"")) // 3
    match name:
        case b"PLTE" if png.colour == _PALETTE:
            if len(data) % 3 or not 0 < len(data) <= 3 << png.depth:
                raise damaged("PNG", "its palette has the wrong length")
            png.chunks[name] = data
        case b"tRNS" if len(data) == {0: 2, 2: 6}.get(png.colour) or (png.colour == _PALETTE and len(data) <= entries):
            png.chunks[name] = data
        case b"iCCP" if not png.profile:
            packed = data.partition(b"\0")[2][1:]
            try:
                png.profile = zlib.decompressobj().decompress(packed, _MOST_PROFILE)
            except zlib.error:
                png.profile = b""
        case _ if len(data) == _COLOURS.get(name):
            png.chunks[name] = data
        case _:
            pass


def _filters(piece: bytes, place: int, passes: list[tuple[int, int]]) -> bytes:
    """The filter bytes in a piece of the inflated data: the first byte of each row."""
    found = b""
    start = 0
    for stride, rows in passes:
        end = start + stride * rows
        first = max(start, start + -(-(place - start) // stride) * stride)
        found += piece[max(first - place, 0) : max(min(end - place, len(piece)), 0) : stride] if first < end else b""
        start = end
    return found


def _chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return len(data).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
