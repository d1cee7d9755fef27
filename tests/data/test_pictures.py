"""Pictures out of idx files, folders and tables: what is read, and what is said of what cannot be."""

import gzip

import numpy as np
import pytest

from undertow.data.mixtures import MIXTURES
from undertow.data.pictures import PictureLayout, read_pictures
from undertow.data.pictures_folder import open_image
from undertow.data.pictures_idx import labels_of, read_array
from undertow.errors import DataError, SettingError

PIXELS = np.arange(4 * 3 * 3).reshape(4, 3, 3).astype(np.uint8)
LABELS = np.array([3, 1, 3, 0], dtype=np.uint8)


def idx(array, kind=8):
    return (
        bytes([0, 0, kind, array.ndim])
        + b"".join(n.to_bytes(4, "big") for n in array.shape)
        + array.tobytes()
    )


def write(folder, pixels=PIXELS, labels=LABELS, name="train", pack=False):
    for kind, axes, array in (("images", 3, pixels), ("labels", 1, labels)):
        data = idx(array)
        path = folder / f"{name}-{kind}-idx{axes}-ubyte{'.gz' if pack else ''}"
        path.write_bytes(gzip.compress(data) if pack else data)
    return folder / f"{name}-images-idx3-ubyte{'.gz' if pack else ''}"


@pytest.mark.parametrize("pack", [False, True])
def test_idx_files_hold_bytes_behind_their_sizes(tmp_path, pack):
    read = read_pictures(write(tmp_path, pack=pack))
    assert read.pixels.shape == (4, 1, 3, 3)
    assert (read.pixels[:, 0] == PIXELS).all()
    assert read.labels == ("3", "1", "3", "0")
    assert (read.rows, read.duplicates, read.conflicts, read.skipped) == (4, 0, 0, 0)
    assert read.source.format == "idx"


def test_labels_may_be_packed_where_images_are_not(tmp_path):
    images = write(tmp_path)
    plain = tmp_path / "train-labels-idx1-ubyte"
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    assert labels_of(images) == packed
    assert read_pictures(images).labels == ("3", "1", "3", "0")


def test_colors_come_last_in_a_file_and_first_in_memory(tmp_path):
    pixels = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3).astype(np.uint8)
    (tmp_path / "a-images-idx4").write_bytes(idx(pixels))
    (tmp_path / "a-labels-idx1").write_bytes(idx(LABELS[:2]))
    read = read_pictures(tmp_path / "a-images-idx4")
    assert read.pixels.shape == (2, 3, 4, 5)
    assert (read.pixels[1, 2] == pixels[1, :, :, 2]).all()


def test_images_met_again_are_dropped_and_those_with_another_label_counted(tmp_path):
    pixels = np.concatenate([PIXELS, PIXELS[:2]])
    labels = np.array([3, 1, 3, 0, 3, 7], dtype=np.uint8)
    read = read_pictures(write(tmp_path, pixels, labels))
    assert (len(read), read.rows, read.duplicates, read.conflicts) == (4, 6, 1, 1)
    assert read.labels[1] == "1"  # the first one stays
    assert len(read_pictures(write(tmp_path, pixels, labels), PictureLayout(repeats=True))) == 6
    assert len(set(read.keys)) == 4


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d[:-1], "36 bytes, and 35 follow"),
        (lambda d: d + b"x", "36 bytes, and 37 follow"),
        (lambda d: b"\1\2\3\4" + d[4:], "no idx file"),
        (lambda d: b"\0\0\r\3" + d[4:], r"floats; unsigned bytes \(type 8\)"),
        (lambda d: idx(LABELS), "1 axes, 4; images have 3"),
        (lambda d: b"", "no idx file"),
        (lambda d: d[:3] + b"\xff" + d[4:], "array of 255 axes; labels have 1, images 3 or 4"),
        (lambda d: d[:3] + b"\0" + d[4:], "array of 0 axes"),
        (lambda d: d[:6], "sizes alone, of 3 axes, take 16 bytes, and it has 6"),
    ],
)
def test_damaged_idx_files(tmp_path, spoil, said):
    path = write(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=said):
        read_pictures(path)


def test_damaged_gzip_is_said(tmp_path):
    path = write(tmp_path, pack=True)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged or cut short"):
        read_pictures(path)


def test_images_without_labels_beside_them(tmp_path):
    path = write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte .* no such file"):
        read_pictures(path)


def test_too_few_labels(tmp_path):
    with pytest.raises(DataError, match=r"4 images, but .* an array of 3"):
        read_pictures(write(tmp_path, labels=LABELS[:3]))
    assert read_array(tmp_path / "train-labels-idx1-ubyte").tolist() == [3, 1, 3]


# ---- tables


def table(rows, head="label,a,b,c,d"):
    return "\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n"


ROWS = [("cat", 0, 10, 20, 255), ("dog", 1, 2, 3, 4)]


def test_a_row_is_an_image(tmp_path):
    (tmp_path / "t.csv").write_text(table(ROWS))
    read = read_pictures(tmp_path / "t.csv")
    assert read.pixels.shape == (2, 1, 2, 2)
    assert read.pixels[0, 0].tolist() == [[0, 10], [20, 255]]
    assert read.labels == ("cat", "dog")


def test_the_ending_of_a_table_wins_over_its_name(tmp_path):
    (tmp_path / "t_idx.csv").write_text(table(ROWS))
    assert read_pictures(tmp_path / "t_idx.csv").labels == ("cat", "dog")
    (tmp_path / "idx.tsv.gz").write_bytes(gzip.compress(table(ROWS).replace(",", "\t").encode()))
    assert read_pictures(tmp_path / "idx.tsv.gz").labels == ("cat", "dog")


def test_shares_of_white_are_read_as_such(tmp_path):
    (tmp_path / "t.csv").write_text(table([("a", 0, 0.5, 1, 0.2), ("b", 1, 1, 1, 1)]))
    assert read_pictures(tmp_path / "t.csv").pixels[0].ravel().tolist() == [0, 128, 255, 51]


def test_twelve_pixels_are_two_by_two_in_three_colors(tmp_path):
    (tmp_path / "t.csv").write_text(
        table([("a", *range(12)), ("b", *range(12, 24))], "label," + ",".join("abcdefghijkl"))
    )
    assert read_pictures(tmp_path / "t.csv").pixels.shape == (2, 3, 2, 2)


def test_a_table_without_a_header(tmp_path):
    (tmp_path / "t.csv").write_text(table(ROWS[1:], "cat,0,10,20,255"))
    read = read_pictures(tmp_path / "t.csv", PictureLayout(label="1", header=False))
    assert read.labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("cat", 1, 2, 300, 4), "row 3: a pixel is a number from 0 to 255, got '300'"),
        (("cat", 1, 2, "x", 4), "row 3: a pixel is a number from 0 to 255, got 'x'"),
        (("cat", 1, 2, "", 4), "row 3: a pixel is a number from 0 to 255, got ''"),
        (("", 1, 2, 3, 4), "row 3: it has no label"),
        (("cat", 1, 2, 3), "row 3: 4 values where the header has 5"),
    ],
)
def test_rows_that_are_no_images(tmp_path, row, said):
    (tmp_path / "t.csv").write_text(table([ROWS[0], row, ROWS[1]]))
    with pytest.raises(DataError, match=said):
        read_pictures(tmp_path / "t.csv")
    read = read_pictures(tmp_path / "t.csv", PictureLayout(skip_bad=True))
    assert (len(read), read.skipped, read.rows) == (2, 1, 3)


@pytest.mark.parametrize(
    ("head", "how", "said"),
    [
        ("label,a,b", PictureLayout(), "2 columns, which are no square"),
        ("x,a,b,c,d", PictureLayout(), "which of them is the label is not known"),
        ("x,a,b,c,d", PictureLayout(label="xx"), "Did you mean --label x"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, head, how, said):
    count = len(head.split(","))
    (tmp_path / "t.csv").write_text(table([row[:count] for row in ROWS], head))
    with pytest.raises(DataError, match=said):
        read_pictures(tmp_path / "t.csv", how)


def test_what_is_no_image_at_all(tmp_path):
    (tmp_path / "t.txt").write_text("words\n")
    with pytest.raises(DataError, match="neither an idx file nor a table"):
        read_pictures(tmp_path / "t.txt")
    with pytest.raises(DataError, match="does not exist"):
        read_pictures(tmp_path / "nothing.csv")
    with pytest.raises(SettingError, match="--side must lie from 1"):
        read_pictures(tmp_path, PictureLayout(side=0))


# ---- folders

image = pytest.importorskip("PIL.Image")


def folder(tmp_path, size=(6, 4)):
    for number, name in enumerate(("cat", "dog", "cat")):
        (tmp_path / name).mkdir(exist_ok=True)
        pixels = np.full((size[1], size[0]), 50 * number + 9, np.uint8)
        image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_a_folder_is_a_label(tmp_path):
    (folder(tmp_path) / ".hidden").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    read = read_pictures(tmp_path)
    assert read.labels == ("cat", "cat", "dog")
    assert read.pixels.shape == (3, 1, 4, 6)
    assert read.source.format == "folder"


def test_one_colored_image_makes_all_colored(tmp_path):
    folder(tmp_path)
    image.fromarray(np.full((4, 6, 3), (9, 8, 7), np.uint8)).save(tmp_path / "dog" / "c.png")
    read = read_pictures(tmp_path)
    assert read.pixels.shape == (4, 3, 4, 6)
    assert read.pixels[2, :, 0, 0].tolist() == [59, 59, 59] or (9, 8, 7) in {
        tuple(p[:, 0, 0]) for p in read.pixels
    }


def test_sizes_that_differ_are_said_and_mended_by_side(tmp_path):
    folder(tmp_path)
    image.fromarray(np.full((9, 5), 200, np.uint8)).save(tmp_path / "dog" / "high.png")
    with pytest.raises(DataError, match=r"3 of 4 have 4x6|3 of 4 have 6x4"):
        read_pictures(tmp_path)
    read = read_pictures(tmp_path, PictureLayout(side=3))
    assert read.pixels.shape == (4, 1, 3, 3)


@pytest.mark.parametrize("wide", [True, False])
def test_an_image_is_cut_around_its_middle(tmp_path, wide):
    pixels = np.zeros((4, 20), np.uint8)
    pixels[:, 8:12] = 255
    image.fromarray(pixels if wide else pixels.T.copy()).save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.png", (4, 4)).min() == 255
    assert open_image(tmp_path / "a.png", (2, 2)).min() > 200


def test_a_broken_image_is_named_and_may_be_left_out(tmp_path):
    folder(tmp_path)
    (tmp_path / "dog" / "bad.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(DataError, match=r"bad\.png: no image can be read"):
        read_pictures(tmp_path)
    read = read_pictures(tmp_path, PictureLayout(skip_bad=True))
    assert (len(read), read.skipped) == (3, 1)


def test_images_that_lie_beside_the_folders(tmp_path):
    image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="1 images lie in it directly"):
        read_pictures(tmp_path)
    with pytest.raises(SettingError, match="Leave --label out"):
        read_pictures(folder(tmp_path), PictureLayout(label="x"))


def test_what_lies_where_no_image_is_looked_for_is_said(tmp_path):
    spot = image.fromarray(np.zeros((4, 6), np.uint8))
    assert read_pictures(folder(tmp_path)).remarks == ()
    spot.save(tmp_path / "loose.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "dog" / "young").mkdir()
    spot.save(tmp_path / "dog" / "young" / "a.png")
    beside, deeper, empty = read_pictures(tmp_path).remarks
    assert "1 images beside its folders are not used" in beside
    assert "1 images in folders of its folders are not used" in deeper
    assert f"{tmp_path}: empty hold no images of their own" in empty


# ---- one image

RAMP = np.arange(0, 65_536, 257, dtype=np.uint16).reshape(16, 16)  # every 257th of 16 bits: 0, 1, 2, ... of 8


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    image.fromarray(RAMP).save(file)
    assert open_image(file)[0].ravel().tolist() == list(range(256))


def test_the_clear_grey_of_sixteen_bits_lies_on_white(tmp_path):
    image.fromarray(RAMP).save(tmp_path / "a.png", transparency=257)
    assert open_image(tmp_path / "a.png")[0].ravel().tolist() == [0, 255, *range(2, 256)]


@pytest.mark.parametrize(("kind", "said"), [(np.int32, "mode I .32-bit"), (np.float32, "mode F .floats")])
def test_numbers_without_a_known_white_are_refused(tmp_path, kind, said):
    folder(tmp_path)
    image.fromarray(np.full((4, 6), 7, kind)).save(tmp_path / "dog" / "deep.tif")
    with pytest.raises(DataError, match=rf"deep\.tif: .*{said}.* Save it with 8 or 16 bits"):
        read_pictures(tmp_path)
    assert read_pictures(tmp_path, PictureLayout(skip_bad=True)).skipped == 1


def test_what_is_transparent_lies_on_white(tmp_path):
    red = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [255, 0, 0, 51]]], np.uint8)
    image.fromarray(red).save(tmp_path / "colored.png")
    assert open_image(tmp_path / "colored.png")[:, 0].T.tolist() == [[255, 0, 0], [255] * 3, [255, 204, 204]]
    grey = np.array([[[7, 255], [7, 0]]], np.uint8)
    image.fromarray(grey, "LA").save(tmp_path / "grey.png")
    assert open_image(tmp_path / "grey.png").tolist() == [[[7, 255]]]
    table = image.new("P", (2, 1))
    table.putpalette([0, 0, 9, 0, 8, 0])
    table.putdata([0, 1])
    table.save(tmp_path / "table.png", transparency=0)
    assert open_image(tmp_path / "table.png")[:, 0].T.tolist() == [[255] * 3, [0, 8, 0]]


def test_an_image_is_turned_as_its_camera_says(tmp_path):
    rows = image.fromarray(np.repeat(np.uint8([[0, 90, 255]]), 8, 0).repeat(8, 1))  # 24 wide, 8 high
    exif = image.Exif()
    exif[274] = 6  # to be turned a quarter right: what lies on the left is on top
    rows.save(tmp_path / "a.jpg", exif=exif, quality=95)
    upright = open_image(tmp_path / "a.jpg")
    assert upright.shape == (1, 24, 8)
    assert np.abs(upright[0, ::8, 4].astype(int) - [0, 90, 255]).max() < 12


# ---- mixtures


@pytest.mark.parametrize(("name", "modes"), [("ring", 8), ("grid", 25)])
def test_mixtures_have_their_modes(name, modes):
    mixture = MIXTURES[name]
    points, drawn = mixture.draw(20_000, np.random.default_rng(0))
    assert mixture.means.shape == (modes, 2)
    counts = np.bincount(drawn, minlength=modes)
    assert np.abs(counts / 20_000 - 1 / modes).max() < 0.015
    away = points - mixture.means[drawn]
    assert np.abs(away.std(0) / mixture.deviation - 1).max() < 0.03
    apart = np.linalg.norm(mixture.means[:, None] - mixture.means, axis=-1) + 9 * np.eye(modes)
    assert apart.min() > 20 * mixture.deviation
