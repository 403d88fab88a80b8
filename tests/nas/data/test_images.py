"""Single image files: every mode, orientation and depth, with pixels that can be computed by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.images import FORMATS, Header, PixelRange, UnreadableImage, common_range, read_header, read_image
from nas.spec import Fit
from tests.nas.bundle.files import png16, tiff16


def pixels(path: Path, channels: int, image_size: int = 4) -> list[int]:
    """The one colour of an image that has one, channel by channel."""
    array = read_image(path, channels, image_size)
    assert array.shape == (channels, image_size, image_size)
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


def test_portable_maps_of_text_are_rejected_unread(tmp_path: Path) -> None:
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
    for value in (np.float32(0.5), np.int32(70000), np.int32(-1)):
        Image.fromarray(np.full((4, 4), value)).save(tmp_path / "deep.tif")
        with pytest.raises(UnreadableImage, match="no agreed range"):
            read_image(tmp_path / "deep.tif", 1, 4)
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(tmp_path / "nan.tif")
    with pytest.raises(UnreadableImage, match="no finite numbers"):
        read_header(tmp_path / "nan.tif")
    monkeypatch.setattr("nas.data.images.MAX_PIXELS", 100)
    Image.new("L", (11, 10)).save(path)
    with pytest.raises(UnreadableImage, match="11 x 10 pixels"):
        read_header(path)


def test_other_formats_are_not_tried(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (4, 4)).save(path, format="TGA")
    with pytest.raises(UnreadableImage, match="no image of PNG"):
        read_header(path)


def test_the_range_of_all_images_by_hand() -> None:
    def found(*values: PixelRange | None) -> PixelRange | None:
        return common_range(Header(4, 4, True, one) for one in values)

    assert found(None, None) is None
    assert found(None, (0, 100), (7, 4000)) == (0, 4095)  # 12 bits
    assert found((0, 65535)) == (0, 65535)
    assert found((0, 9)) == (0, 255)  # at least 8 bits
    assert found((0, 256)) == (0, 511)
    assert found((0, 70_000)) == (0, 131_071)
    assert found((0, 0.25), (0.5, 0.75)) == (0, 1)
    assert found((-1024, 3071), (0, 9)) == (-1024, 3071)
    assert found((-5, -5)) == (-5, 0)


@pytest.mark.parametrize("value,expected", [(0, 0), (4095, 255), (2048, 128), (9, 1), (8, 0), (5000, 255)])
def test_twelve_bits_of_sixteen_keep_their_levels(tmp_path: Path, value: int, expected: int) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.full((4, 4), value, np.uint16)).save(path)
    assert read_header(path).values == (value, value)
    assert read_image(path, 1, 4, pixel_range=(0, 4095)).max() == expected  # value * 17 / 273, rounded


@pytest.mark.parametrize("form", ["png", "<", ">", "deflate"])
def test_sixteen_bits_of_colour_keep_their_low_bytes(tmp_path: Path, form: str) -> None:
    """Pillow alone keeps the high byte: of 4095 it makes 15 of 255, of 2048 it makes 8."""
    path = tmp_path / ("a.png" if form == "png" else "a.tif")
    values = np.broadcast_to(np.array([4095, 2048, 17], np.uint16), (4, 4, 3))
    path.write_bytes(
        png16(values) if form == "png" else tiff16(values, form[0].replace("d", "<"), deflate=len(form) > 1)
    )
    assert read_header(path) == Header(4, 4, False, (17, 4095))
    assert read_image(path, 3, 4, pixel_range=(0, 4095))[:, 0, 0].tolist() == [255, 128, 1]
    assert pixels(path, 3) == [16, 8, 0]  # of all 16 bits: 15.93, 7.97, 0.07


def test_transparency_of_sixteen_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png16(np.broadcast_to(np.array([0, 13107], np.uint16), (4, 4, 2))))  # a fifth of black on white
    assert read_header(path) == Header(4, 4, True, (0, 0))
    assert pixels(path, 1) == [204]
    path.write_bytes(png16(np.broadcast_to(np.array([4095, 0, 0, 65535], np.uint16), (4, 4, 4))))
    assert read_header(path) == Header(4, 4, False, (0, 4095))
    assert read_image(path, 3, 4, pixel_range=(0, 4095))[:, 0, 0].tolist() == [255, 0, 0]
    colour = np.broadcast_to(np.array([300, 2, 3], np.uint16), (4, 4, 3))
    path.write_bytes(png16(colour, key=(300, 2, 3)))
    assert pixels(path, 3) == [255, 255, 255]
    path.write_bytes(png16(colour, key=(301, 2, 3)))  # only a low byte differs
    assert pixels(path, 3) == [1, 0, 0]
    Image.fromarray(np.full((4, 4), 300, np.uint16)).save(path, transparency=300)
    assert pixels(path, 1) == [255]


@pytest.mark.parametrize(
    ("values", "pixel_range", "expected"),
    [
        (np.array([0, 0.5, 1], "f4"), (0, 1), [0, 128, 255]),
        (np.array([-1024, 0, 3071], "f4"), (-1024, 3071), [0, 64, 255]),
        (np.array([0, 70_000, 131_071], "i4"), (0, 131_071), [0, 136, 255]),
    ],
)
def test_thirty_two_bits_take_the_range_of_the_data(
    tmp_path: Path, values: np.ndarray, pixel_range: PixelRange, expected: list[int]
) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.broadcast_to(values, (3, 3)).copy()).save(path)
    assert read_header(path) == Header(3, 3, True, (values.min(), values.max()))
    assert read_image(path, 1, 3, pixel_range=pixel_range)[0, 0].tolist() == expected


def test_measured_colours_become_rgb(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.new("LAB", (4, 4), (255, 128, 128)).save(path)  # the lightest, without colour
    assert not read_header(path).grey
    assert min(pixels(path, 3)) >= 254
    Image.new("YCbCr", (4, 4), (100, 128, 128)).save(path)
    assert pixels(path, 3) == [100, 100, 100]


def test_printing_colours_of_photographs(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(path, quality=100)  # stored inverted, as Adobe does
    assert b"Adobe" in path.read_bytes()
    assert pixels(path, 3, 8) == [0, 255, 255]


@pytest.mark.parametrize(
    ("fit", "row", "bars"),
    [
        ("stretch", [0, 3, 18, 23, 38, 43, 58, 60], 0),  # halved: (1, 3, 3, 1) / 8, and (3, 3, 1) / 7 at the edges
        ("crop", [20] * 4 + [40] * 4, 0),  # columns 4 to 11 as they are
        ("pad", [0, 3, 18, 23, 38, 43, 58, 60], 2),
    ],
)
def test_images_become_square_in_three_ways(tmp_path: Path, fit: Fit, row: list[int], bars: int) -> None:
    """16 x 8 pixels: four bands of four columns, 0, 20, 40 and 60."""
    path = tmp_path / "a.png"
    bands = np.repeat(np.array([0, 20, 40, 60], np.uint8), 4)
    Image.fromarray(np.broadcast_to(bands, (8, 16)).copy()).save(path)
    read = read_image(path, 1, 8, fit=fit)[0]
    assert read.tolist() == [[0] * 8] * bars + [row] * (8 - 2 * bars) + [[0] * 8] * bars


def test_thin_images_can_be_padded_and_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (4000, 1), 90).save(path)
    assert read_image(path, 1, 8, fit="pad").max() == 0  # less than half a row is left
    assert read_image(path, 1, 8, fit="crop").min() == 90


def test_a_phone_s_photograph_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.repeat(np.array([[0, 65535]], np.uint16), 2, 0))
    for name in ("a.png", "a.tif"):
        image.save(tmp_path / name, exif=exif)
        assert read_image(tmp_path / name, 1, 2)[0].tolist() == [[0, 0], [255, 255]]  # turned clockwise
    two = Image.new("RGB", (8, 8), (9, 9, 9))
    two.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")], quality=100)
    assert pixels(tmp_path / "a.jpg", 3, 8) == [9, 9, 9]
