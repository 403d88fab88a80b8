"""Single image files: every mode, orientation and depth, with pixels that can be computed by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.images import FORMATS, UnreadableImage, read_header, read_image


def pixels(path: Path, channels: int, side: int = 4) -> list[int]:
    """The one colour of an image that has one, channel by channel."""
    array = read_image(path, channels, side)
    assert array.shape == (channels, side, side)
    assert array.dtype == np.uint8
    flat = array.reshape(channels, -1)
    assert (flat == flat[:, :1]).all()
    return [int(value) for value in flat[:, 0]]


def test_grey_modes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (4, 4), 200).save(path)
    assert read_header(path).grey
    assert pixels(path, 1) == [200]
    assert pixels(path, 3) == [200, 200, 200]
    Image.new("1", (4, 4), 1).save(path)
    assert read_header(path).grey
    assert pixels(path, 1) == [255]


@pytest.mark.parametrize("value,expected", [(0, 0), (65535, 255), (32896, 128), (128, 0), (129, 1)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_become_eight(tmp_path: Path, value: int, expected: int, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(np.full((4, 4), value, np.uint16)).save(path)
    assert read_header(path).grey
    assert pixels(path, 1) == [expected]  # (value + 128) // 257


def test_transparent_images_lie_on_white(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(path)
    assert not read_header(path).grey
    assert pixels(path, 3) == [255, 255, 255]
    Image.new("RGBA", (4, 4), (10, 20, 30, 255)).save(path)
    assert pixels(path, 3) == [10, 20, 30]
    Image.new("LA", (4, 4), (0, 51)).save(path)  # a fifth of black on white
    assert read_header(path).grey
    assert pixels(path, 1) == [204]
    keyed = Image.new("RGB", (4, 4), (1, 2, 3))
    keyed.save(path, transparency=(1, 2, 3))
    assert pixels(path, 3) == [255, 255, 255]


def test_palettes_are_grey_when_all_their_colours_are(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 90, 90, 90])
    image.save(path)
    assert read_header(path).grey
    assert pixels(path, 1) == [90]
    image.putpalette([0, 0, 0, 90, 91, 90])
    image.save(path)
    assert not read_header(path).grey
    assert pixels(path, 3) == [90, 91, 90]
    image.save(path, transparency=1)
    assert pixels(path, 3) == [255, 255, 255]


def test_printing_colours_become_rgb(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.new("CMYK", (4, 4), (255, 0, 0, 0)).save(path)
    assert not read_header(path).grey
    assert pixels(path, 3) == [0, 255, 255]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.dat"
    Image.new("RGB", (6, 5), (255, 255, 255)).save(path, format=form)
    header = read_header(path)
    assert (header.width, header.height) == (6, 5)
    assert pixels(path, 3) == [255, 255, 255]


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"P5 1 1 255\n\x5a", 90), (b"P5 1 1 3\n\1", 85), (b"P5 1 1 65535\n\x5a\x5a", 90), (b"P6 1 1 255\nZZZ", 90)],
)
def test_portable_maps_of_every_depth(tmp_path: Path, content: bytes, value: int) -> None:
    (tmp_path / "a.ppm").write_bytes(content)
    assert pixels(tmp_path / "a.ppm", 1) == [value]


def test_portable_maps_of_text_are_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P2 1 1 255\n90\n")
    with pytest.raises(UnreadableImage, match="as text"):
        read_header(tmp_path / "a.pgm")


def test_of_an_animation_the_first_frame_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    Image.new("L", (4, 4), 0).save(path, save_all=True, append_images=[Image.new("L", (4, 4), 255)])
    assert pixels(path, 1) == [0]


def test_the_orientation_tag_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image.fromarray(np.array([[0, 255]], np.uint8).repeat(2, 0).repeat(1, 1))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half
    image.save(path, exif=exif)
    assert read_image(path, 1, 2)[0].tolist() == [[255, 0], [255, 0]]


def test_the_whole_image_is_resized_without_crop(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image.fromarray(np.arange(64 * 30, dtype=np.int64).reshape(30, 64).astype(np.uint8))
    image.save(path)
    expected = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR))
    assert (read_image(path, 1, 8)[0] == expected).all()


def test_what_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    with pytest.raises(UnreadableImage, match="no image of PNG"):
        read_header(path)
    with pytest.raises(UnreadableImage, match="No such file"):
        read_header(tmp_path / "absent.png")
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    assert read_header(path).width == 64
    with pytest.raises(UnreadableImage, match=r"truncated|not enough|broken"):
        read_image(path, 1, 8)
    Image.effect_noise((64, 64), 50).convert("P").save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UnreadableImage):
        read_header(path)  # a palette is looked at, which takes decoding
    Image.new("F", (4, 4)).save(tmp_path / "f.tif")
    with pytest.raises(UnreadableImage, match="mode F"):
        read_header(tmp_path / "f.tif")
    Image.fromarray(np.full((4, 4), 70000, np.int32)).save(tmp_path / "i.tif")
    with pytest.raises(UnreadableImage, match="32-bit"):
        read_image(tmp_path / "i.tif", 1, 4)
    monkeypatch.setattr("nas.data.images.MAX_PIXELS", 100)
    Image.new("L", (11, 10)).save(path)
    with pytest.raises(UnreadableImage, match="11 x 10 pixels"):
        read_header(path)


def test_other_formats_are_not_tried(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (4, 4)).save(path, format="TGA")
    with pytest.raises(UnreadableImage, match="no image of PNG"):
        read_header(path)
