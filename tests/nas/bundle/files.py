"""Small image files of every kind of pixels that a data set may hold, for tests that read them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

KINDS = (
    "1.png", "L.png", "LA.png", "P.png", "P-key.png", "P-alpha.png", "RGB.png", "RGB-key.png", "RGBA.png",
    "L16.png", "L12.png", "L16-key.png", "RGB16.png", "RGB16-key.png", "RGBA16.png", "LA16.png", "exif.jpg", "exif-L16.png",
    "L16-big.tif", "L16.tif", "I.tif", "F.tif", "RGB16.tif", "RGB16-big.tif", "RGB16-deflate.tif",
    "CMYK.tif", "YCbCr.tif", "LAB.tif", "exif.tif",
    "CMYK.jpg", "YCbCr.jpg", "two.gif", "two.mpo.jpg", "two.webp", "RGBA.webp", "plain.bmp", "L16.pgm",
)  # fmt: skip
"""Names of what `write` makes: the kind of pixels and the format."""
WIDTH, HEIGHT = 20, 14


def write(folder: Path, kind: str, seed: int = 0) -> Path:
    """One image of 20 x 14 pixels of random colours."""
    path = folder / kind
    name, suffix = kind.split(".", 1)
    rng = np.random.default_rng(seed)
    four = rng.integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    deep = rng.integers(0, 65536, (HEIGHT, WIDTH, 4), np.uint16)
    image = Image.fromarray(four)
    if suffix == "png" and name in _PNG_COLOURS and "16" in name:
        path.write_bytes(png16(deep[..., _PNG_COLOURS[name]], key=tuple(deep[3, 4, :3]) if "key" in name else None))
    elif name.startswith("RGB16") and suffix == "tif":
        path.write_bytes(tiff16(deep[..., :3], ">" if "big" in name else "<", deflate="deflate" in name))
    elif name.startswith(("L16", "L12", "exif-L16", "I", "F")):
        grey = deep[..., 0] >> 4 if name == "L12" else deep[..., 0]
        types = {"L16-big": ">u2", "I": "i4", "F": "f4"}
        plane = Image.fromarray(grey.astype(types.get(name, "u2")))
        if "key" in name:
            plane.save(path, transparency=int(grey[3, 4]))
        else:
            plane.save(path, exif=_turned(6 if "exif" in name else 1))
    elif name == "exif":
        image.convert("RGB").save(path, exif=_turned(6))
    elif name == "two":
        other = Image.new("RGB", image.size, "red")
        image.convert("RGB").save(path, "MPO" if "mpo" in suffix else None, save_all=True, append_images=[other])
    elif name == "P-alpha":
        image.convert("P").save(path, transparency=bytes(range(256)))
    elif "key" in name:
        image = image.convert(name.split("-", maxsplit=1)[0])
        image.save(path, transparency=image.getpixel((4, 3)))
    elif name == "LAB":
        Image.frombytes("LAB", image.size, image.convert("RGB").tobytes()).save(path)
    else:
        image.convert("RGB" if name == "plain" else name).save(path)
    return path


_PNG_COLOURS = {"RGB16": [0, 1, 2], "RGB16-key": [0, 1, 2], "RGBA16": [0, 1, 2, 3], "LA16": [0, 3]}


def _turned(orientation: int) -> Image.Exif:
    """6 is to be turned by a quarter, 1 is upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def png16(values: np.ndarray, key: tuple[int, ...] | None = None) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write: uint16 (H, W, 1 to 4)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, bands = values.shape
    rows = values.astype(">u2").reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[bands], 0, 0, 0)
    keyed = chunk(b"tRNS", struct.pack(f">{len(key)}H", *map(int, key))) if key else b""
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + keyed + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff16(values: np.ndarray, order: str, *, deflate: bool = False) -> bytes:
    """A TIFF of 16 bits a channel, which Pillow does not write: uint16 (H, W, 3), in `<` or `>` order of bytes."""
    height, width, bands = values.shape
    data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if deflate else data
    short, long = 3, 4
    data += bytes(len(data) % 2)
    depth = 8 + len(data)
    entries = [
        (256, short, 1, width), (257, short, 1, height), (258, short, bands, depth), (259, short, 1, 8 if deflate else 1),
        (262, short, 1, 2), (273, long, 1, 8), (277, short, 1, bands), (278, short, 1, height), (279, long, 1, len(data)),
    ]  # fmt: skip
    stream = io.BytesIO()
    stream.write((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, depth + 2 * bands) + data)
    stream.write(struct.pack(f"{order}{bands}H", *[16] * bands) + struct.pack(f"{order}H", len(entries)))
    for tag, kind, count, value in entries:
        inline = kind == short and count == 1
        packed = struct.pack(f"{order}HH", value, 0) if inline else struct.pack(f"{order}I", value)
        stream.write(struct.pack(f"{order}HHI", tag, kind, count) + packed)
    stream.write(struct.pack(f"{order}I", 0))
    return stream.getvalue()
