"""Take a JPEG apart (ITU-T T.81, annex B), and put it together again without metadata."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures.rules import damaged, truncated

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
# Start of frame: baseline, extended and progressive, Huffman coded. The others - lossless, hierarchical, arithmetic -
# few decoders know. C4, C8 and CC in this row are no frames.
_FRAMES, _PROGRESSIVE = range(0xC0, 0xC3), 0xC2
_RARE_FRAMES = {*range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Reserved codes, TEM, restart markers and a second SOI have no length and no place between segments.
_JUNK = {*range(0xC0), *range(0xD0, 0xD9)}

_MARKER = re.compile(rb"\xff+([^\xff])", re.DOTALL)
# In coded data FF is followed by a zero, by a restart marker's number, or by a fill byte; anything else ends the scan.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_GREY, _COLOUR, CMYK = 1, 3, 4
_FRAME, _SCAN_HEADER = struct.Struct(">BHHB"), 4
_JFIF, _ADOBE, _ICC = b"JFIF\0", b"Adobe", b"ICC_PROFILE\0"
_JFIF_BYTES, _ADOBE_BYTES = 14, 12
_COEFFICIENTS = 64
# The EXIF and XMP of cameras is smaller; the orientation is not looked for beyond.
_MOST_METADATA = 1_000_000
# Pictures have some hundreds of segments and a dozen scans at most; more would only keep the decoder busy.
_MOST_SEGMENTS, _MOST_SCANS = 20_000, 100


@dataclass
class _Table:
    """A quantisation or Huffman table, or a restart interval."""

    data: bytes
    used: bool = False


@dataclass
class Scan:
    """Entropy-coded data: its place in the clean file, and whether its restart markers are in order."""

    start: int
    end: int
    restarts_in_order: bool


@dataclass
class Jpeg:
    """A JPEG's structure; sizes are pixels as stored, before any EXIF turn."""

    width: int = 0
    height: int = 0
    components: int = 0
    coefficient_bytes: int = 0
    """What a decoder keeps in memory of a picture in several scans."""
    flaw: str = ""
    """What is wrong with it, though it may decode."""
    ended: bool = True
    """Whether its end marker is there."""
    metadata: bytes = b""
    """Its EXIF and XMP segments."""
    profile: bytes = b""
    """Its ICC profile, unchecked."""
    head: bytes = b""
    """What says how to decode the colours: the JFIF and Adobe segments."""
    body: list[bytes | memoryview] = field(default_factory=list)
    """Frame, tables, scans."""
    scans: list[Scan] = field(default_factory=list)

    def clean(self, profile: bytes) -> bytes:
        """The picture without metadata, with a colour profile; sets the scans' places in it."""
        pieces = [profile[start : start + 65_000] for start in range(0, len(profile), 65_000)]
        icc = [_segment(_APP2, _ICC + bytes([i, len(pieces)]) + piece) for i, piece in enumerate(pieces, 1)]
        parts: list[bytes | memoryview] = [b"\xff\xd8", self.head, *icc, *self.body, b"\xff\xd9"]
        place, scans = 0, iter(self.scans)
        for part in parts:
            if isinstance(part, memoryview):
                scan = next(scans)
                scan.start, scan.end = place, place + len(part)
            place += len(part)
        return b"".join(parts)


def read_jpeg(data: bytes) -> Jpeg:
    """The structure of a JPEG; raises `InvalidPicture` if it is broken.

    What follows the end marker is ignored: phones append gain maps, second pictures and videos.
    """
    return _Reader(data).read()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 2
        self.jpeg = Jpeg()
        self.progressive = False
        self.whole = False
        self.quantisation: dict[int, int] = {}
        self.current: dict[tuple[int, int], _Table] = {}
        self.body: list[tuple[int, list[_Table]] | bytes | memoryview] = []
        self.heads: dict[int, bytes] = {}
        self.icc: dict[int, bytes] = {}

    def read(self) -> Jpeg:
        for _ in range(_MOST_SEGMENTS):
            marker = self.marker()
            if marker == _EOI:
                break
            self.segment(marker)
        else:
            raise damaged("JPEG", f"it has more than {_MOST_SEGMENTS:,} segments")
        if not self.jpeg.scans:
            raise damaged("JPEG", "it ends before any pixels")
        self.finish()
        return self.jpeg

    def flaw(self, what: str) -> None:
        self.jpeg.flaw = self.jpeg.flaw or what

    def marker(self) -> int:
        """Go to the next marker; what lies before it is junk, which decoders skip."""
        while found := _MARKER.search(self.data, self.place):
            if found.start() != self.place:
                self.flaw(f"there is junk at byte {self.place:,}")
            self.place = found.end()
            if (code := found[1][0]) not in _JUNK:
                return code
            self.flaw(f"a marker is out of place at byte {found.start():,}")
        if self.jpeg.scans:
            self.flaw("its end marker is missing")
            self.jpeg.ended = False
        if self.whole:
            return _EOI
        raise truncated("JPEG", len(self.data))

    def segment(self, marker: int) -> None:
        length = int.from_bytes(self.data[self.place : self.place + 2])
        payload = self.data[self.place + 2 : self.place + length]
        if length < 2:  # noqa: PLR2004 - the length counts its own two bytes
            self.flaw(f"a segment has no length at byte {self.place:,}")
            return
        if len(payload) < length - 2:
            raise truncated("JPEG", len(self.data))
        self.place += length
        if marker in _FRAMES or marker in _RARE_FRAMES:
            self.frame(marker, payload)
        elif marker == _SOS:
            self.scan(payload)
        elif marker in {_DQT, _DHT, _DRI}:
            self.tables(marker, payload)
        else:
            self.application(marker, payload)

    def application(self, marker: int, payload: bytes) -> None:
        """Keep the application segments that decoding needs: JFIF, the ICC profile and Adobe's colour transform."""
        jpeg = self.jpeg
        if marker == _APP0 and payload.startswith(_JFIF) and len(payload) >= _JFIF_BYTES:
            self.heads[marker] = payload[: _JFIF_BYTES - 2] + bytes(2)  # a thumbnail of no size
        elif marker == _APP14 and payload.startswith(_ADOBE) and len(payload) >= _ADOBE_BYTES:
            self.heads[marker] = payload[:_ADOBE_BYTES]
        elif marker == _APP2 and payload.startswith(_ICC):
            number = len(_ICC)
            self.icc[int.from_bytes(payload[number : number + 2])] = payload[number + 2 :]
        elif marker == _APP1 and len(jpeg.metadata) + len(payload) < _MOST_METADATA:
            jpeg.metadata += _segment(marker, payload)

    def frame(self, marker: int, payload: bytes) -> None:
        jpeg = self.jpeg
        if len(payload) < _FRAME.size or jpeg.width:
            raise damaged("JPEG", "its frame header is broken")
        precision, jpeg.height, jpeg.width, jpeg.components = _FRAME.unpack_from(payload)
        if marker in _RARE_FRAMES or precision != 8 or jpeg.components not in {_GREY, _COLOUR, CMYK}:  # noqa: PLR2004
            raise InvalidPicture(
                f"The JPEG is of a rare kind (frame {marker - 0xC0}, {precision} bits, {jpeg.components} channels) "
                "that the model does not accept: export it as an ordinary 8-bit JPEG or PNG."
            )
        components = list(struct.iter_unpack("3B", payload[_FRAME.size :][: 3 * jpeg.components]))
        factors = [(sampling >> 4, sampling & 15) for _, sampling, _ in components]
        if len(components) != jpeg.components or not (jpeg.width and jpeg.height and all(map(all, factors))):
            raise damaged("JPEG", "its frame header is broken")
        self.progressive = marker == _PROGRESSIVE
        self.quantisation = {name: table for name, _, table in components}
        across, down = max(h for h, _ in factors), max(v for _, v in factors)
        share = sum(h * v for h, v in factors) / (across * down)
        jpeg.coefficient_bytes = round(2 * share * (jpeg.width + 8 * across) * (jpeg.height + 8 * down))
        self.body.append(_segment(marker, payload[: _FRAME.size + 3 * jpeg.components]))

    def tables(self, marker: int, payload: bytes) -> None:
        """Take note of each table in a segment; unused ones are not uploaded."""
        kept, place = [], 0
        while place < len(payload) and (size := _table_bytes(marker, payload[place : place + 17])):
            table = _Table(payload[place : place + size])
            self.current[marker, 0 if marker == _DRI else payload[place] & 0x1F] = table
            kept.append(table)
            place += size
            if marker == _DRI:
                break
        self.body.append((marker, kept))

    def scan(self, payload: bytes) -> None:
        jpeg = self.jpeg
        if not jpeg.width:
            raise damaged("JPEG", "pixels come before the frame header")
        if not payload or len(payload) != _SCAN_HEADER + 2 * payload[0]:
            raise damaged("JPEG", "a scan header is broken")
        if len(jpeg.scans) == _MOST_SCANS:
            raise damaged("JPEG", f"it has more than {_MOST_SCANS} scans")
        self.use_tables(payload)
        # Where there can be several scans, it is unknown whether one is missing.
        self.whole = not self.progressive and payload[0] == jpeg.components
        found = _END_OF_SCAN.search(self.data, self.place)
        end = found.start() if found else len(self.data)
        coded = memoryview(self.data)[self.place : end]
        self.place = end
        restarts = bytes(found[1][0] for found in _RESTART.finditer(coded))
        in_order = restarts == (bytes(range(0xD0, 0xD8)) * (len(restarts) // 8 + 1))[: len(restarts)]
        jpeg.scans.append(Scan(0, 0, in_order and (not restarts or (_DRI, 0) in self.current)))
        self.body += [_segment(_SOS, payload), coded]

    def use_tables(self, payload: bytes) -> None:
        used = {(_DRI, 0)}
        first = payload[1 + 2 * payload[0]]
        for name, tables in struct.iter_unpack("2B", payload[1 : 1 + 2 * payload[0]]):
            used.add((_DQT, self.quantisation.get(name, 0)))
            if not (self.progressive and first):
                used.add((_DHT, tables >> 4))
            if not self.progressive or first:
                used.add((_DHT, 0x10 | tables & 15))
        for name in used & self.current.keys():
            self.current[name].used = True

    def finish(self) -> None:
        jpeg = self.jpeg
        jpeg.head = b"".join(_segment(marker, payload) for marker, payload in sorted(self.heads.items()))
        total = len(self.icc)
        if all(number << 8 | total in self.icc for number in range(1, total + 1)):
            jpeg.profile = b"".join(payload for _, payload in sorted(self.icc.items()))
        for part in self.body:
            if not isinstance(part, tuple):
                jpeg.body.append(part)
            elif used := b"".join(table.data for table in part[1] if table.used):
                jpeg.body.append(_segment(part[0], used))


def _table_bytes(marker: int, start: bytes) -> int:
    """The length of the table that starts like this (T.81, B.2.4); 0 where there is none."""
    if marker == _DRI:
        return 2
    if marker == _DQT:
        return 1 + _COEFFICIENTS * (2 if start[0] >> 4 else 1)
    return 17 + sum(start[1:])


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2) + payload
