"""Files of every type that is told, as small as they can be, and bodies to send them in.

Of large pictures only the header is true.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

BOUNDARY = "a-boundary-of-these-tests"


def png(width: int = 3, height: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        summed = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + summed

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\x00" + bytes(min(width, 64)) for _ in range(min(height, 64))))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    )


def jpeg(width: int = 40, height: int = 30, orientation: int = 1) -> bytes:
    tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01" + struct.pack(
        ">HHIHH", 0x0112, 3, 1, orientation, 0
    )
    exif = b"Exif\x00\x00" + tiff + bytes(4)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return b"".join(
        (
            b"\xff\xd8",
            b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif,
            b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame,
            b"\xff\xd9",
        )
    )


def gif(width: int = 5, height: int = 4) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00;"


def boxes(brand: bytes, *more: bytes) -> bytes:
    said = brand + bytes(4) + b"".join(more)
    return struct.pack(">I", 8 + len(said)) + b"ftyp" + said + bytes(32)


def archive(*entries: str, mimetype: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        if mimetype:
            made.writestr("mimetype", mimetype)
        for entry in entries:
            made.writestr(entry, "x" * 20, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def office(folder: str) -> bytes:
    return archive("[Content_Types].xml", "_rels/.rels", f"{folder}/main.xml")


_OPEN = "application/vnd.oasis.opendocument."

EVERY: dict[str, bytes] = {
    ".png": png(),
    ".jpg": jpeg(),
    ".gif": gif(),
    ".webp": b"RIFF\x24\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00"
    + bytes(4)
    + b"\x09\x00\x00\x07\x00\x00",
    ".heic": boxes(b"mif1", b"mif1", b"heic"),
    ".avif": boxes(b"avif", b"avif", b"mif1"),
    ".pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    ".rtf": b"{\\rtf1\\ansi hello}",
    ".txt": "Größe: 5 €\n".encode(),
    ".csv": "name;stadt\nJörg;Köln\n".encode("cp1252"),
    ".docx": office("word"),
    ".xlsx": office("xl"),
    ".pptx": office("ppt"),
    ".odt": archive("content.xml", mimetype=_OPEN + "text"),
    ".ods": archive("content.xml", mimetype=_OPEN + "spreadsheet"),
    ".odp": archive("content.xml", mimetype=_OPEN + "presentation"),
    ".zip": archive("photo.jpg"),
    ".mp4": boxes(b"iso5", b"iso5", b"avc1"),
    ".mov": boxes(b"qt  "),
    ".webm": b"\x1aE\xdf\xa3\x93B\x82\x88webmB\x87\x81\x04",
    ".m4a": boxes(b"M4A ", b"M4A ", b"mp42"),
    ".mp3": b"ID3\x03\x00\x00\x00\x00\x00\x00",
    ".ogg": b"OggS\x00\x02" + bytes(20),
    ".wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
}


def part(content: bytes, name: str = "photo.png", field: str = "file") -> bytes:
    """One part of a body, as browsers write it."""
    quoted = name.replace("\\", "\\\\").replace('"', "%22").encode()
    return (
        b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="' + field.encode()
        + b'"; filename="' + quoted + b'"\r\nContent-Type: application/octet-stream\r\n\r\n'
        + content + b"\r\n"
    )  # fmt: skip


def body(content: bytes, name: str = "photo.png", field: str = "file") -> bytes:
    return part(content, name, field) + b"--" + BOUNDARY.encode() + b"--\r\n"


CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
