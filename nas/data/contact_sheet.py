"""Draws samples of each class beside each other, and groups of copies below: a PNG to look at. Not here: which images are copies."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from nas.data.pictures import Picture, Pictures

TILE: Final = 96
"""Pixels of an image on the sheet."""
GAP: Final = 4
COLUMNS: Final = 10
ROWS: Final = 40
"""Classes, and groups of copies, at most."""
TITLE: Final = 18


def contact_sheet(source: str, pictures: Pictures, copies: Sequence[Sequence[str]] = ()) -> bytes:
    """A PNG with up to `COLUMNS` images of each class, spread evenly over its images, and of each group of copies.

    Args:
        source: of the pictures; of a folder the images themselves are drawn, else their miniatures.
        pictures: of the source.
        copies: groups of copies by the images' names.
    """
    by_name = {one.name: one for one in pictures.images}
    rows = [
        (f"{name} ({len(mine)} images)", _spread(mine))
        for label, name in enumerate(pictures.classes[:ROWS])
        if (mine := [one for one in pictures.images if one.label == label])
    ]
    rows += [
        ("copies: " + ", ".join(group[:3]), [by_name[name] for name in group[:COLUMNS]]) for group in copies[:ROWS]
    ]
    height = TITLE + TILE + GAP
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, max(1, len(rows)) * height + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, (title, images) in enumerate(rows):
        draw.text((GAP, number * height + GAP), title, fill="black", font=font)
        for column, one in enumerate(images):
            sheet.paste(_tile(source, one), (GAP + column * (TILE + GAP), number * height + TITLE + GAP))
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _spread(images: Sequence[Picture]) -> list[Picture]:
    count = min(COLUMNS, len(images))
    return [images[index * len(images) // count] for index in range(count)]


def _tile(source: str, one: Picture) -> Image.Image:
    path = Path(source).expanduser() / one.name
    if path.is_file():
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image).convert("RGB")
            return ImageOps.pad(turned, (TILE, TILE), color="white")
    return Image.fromarray(one.miniature).convert("RGB").resize((TILE, TILE))
