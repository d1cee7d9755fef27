"""undertow catalog: the list, a set written as a file, and what is refused."""

import gzip
import hashlib
import json
import shlex
import tarfile

import msgspec
import pytest

from undertow.cli import catalog_get
from undertow.data.sets import debian_package
from undertow.data.sets.catalog import SETS
from undertow.errors import StorageError
from undertow.tasks.recipe import RECIPES, find

EMOJI = {"en": ("face", "grin"), "fr": ("visage", "sourire"), "de": ("Gesicht", "Grinsen")}
TABLE = "emoji\ten\tfr\tde\n😀\tface\tvisage\tGesicht\n😁\tgrin\tsourire\tGrinsen\n"
COMMAND = "undertow train translate --data emoji_names.tsv --source en --target fr"


@pytest.fixture
def package(tmp_path):
    """emojibase-data as npm packs it, with two emoji."""
    root = tmp_path / "packed/package"
    for language, names in EMOJI.items():
        told = [{"hexcode": f"{at}", "label": n, "unicode": chr(0x1F600 + at)} for at, n in enumerate(names)]
        (root / language).mkdir(parents=True)
        (root / language / "compact.json").write_text(json.dumps(told), encoding="utf-8")
    with tarfile.open(tmp_path / "packed/emojibase-data-17.0.0.tgz", "w:gz") as tar:
        tar.add(root, "package")
    return tmp_path / "packed/emojibase-data-17.0.0.tgz"


@pytest.fixture
def clothes(tmp_path):
    """dataset-fashion-mnist as apt would install it, with one picture to train on and one to test."""
    folder = tmp_path / "system/usr/share/datasets/fashion-mnist"
    folder.mkdir(parents=True)
    images, labels = b"\0\0\x08\x03" + b"\0\0\0\1" * 3 + b"\7", b"\0\0\x08\x01" + b"\0\0\0\1" + b"\3"
    files = {}
    for part in ("train", "t10k"):
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(images)
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(labels)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files


@pytest.fixture
def here(tmp_path, monkeypatch):
    """What is in the working folder beside the package; nothing of Debian's is installed."""
    monkeypatch.setattr(debian_package, "SYSTEM", tmp_path / "system")
    return lambda: sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.iterdir() if path.name != "packed"
    )


def test_the_list_names_every_set_and_how_to_have_it(undertow, here):
    answer = undertow("catalog")
    assert (answer.status, answer.err) == (0, "")
    assert all(name in answer.out for name in SETS)
    assert "sudo apt-get install dataset-fashion-mnist" in answer.out
    assert "pip download --no-deps --no-binary :all: vaderSentiment" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 160


def test_the_list_as_json(undertow, here, tmp_path):
    (tmp_path / "system/usr/lib").mkdir(parents=True)
    (tmp_path / "system/usr/lib/bible.data").write_bytes(b"EC02")
    answer = undertow("catalog", "--json")
    rows = {row["name"]: row for row in msgspec.json.decode(answer.out)}
    assert list(rows) == list(SETS)
    keys = "name about suits rows licence package installed looked_for install download"
    assert all(" ".join(row) == keys for row in rows.values())
    assert rows["king_james"]["installed"] is True
    assert rows["fashion_mnist"]["installed"] is False
    assert rows["digits"]["rows"] == 1797


def test_a_set_is_written_with_its_source_beside_it(undertow, here, package):
    answer = undertow("catalog", "get", "emoji_names", "--from", package)
    assert (answer.status, answer.out) == (0, "emoji_names.tsv\n")
    assert "2 rows of emojibase-data 17.0.0, MIT (the version that was looked at has 1,949)" in answer.err
    assert f"Train on it: {COMMAND}\n" in answer.err
    assert here() == ["emoji_names.source.json", "emoji_names.tsv"]
    data = package.parent.parent.joinpath("emoji_names.tsv").read_bytes()
    assert data.decode() == TABLE
    source = msgspec.json.decode(package.parent.parent.joinpath("emoji_names.source.json").read_bytes())
    assert source | {"read": [*source["read"]]} == {
        "name": "emoji_names",
        "package": "emojibase-data",
        "version": "17.0.0",
        "licence": "MIT",
        "command": "npm install emojibase-data",
        "rows": 2,
        "sha256": {"emoji_names.tsv": hashlib.sha256(data).hexdigest()},
        "read_from": str(package),
        "read": ["en/compact.json", "fr/compact.json", "de/compact.json"],
    }


def test_what_is_written_as_json(undertow, here, package, tmp_path):
    answer = undertow("catalog", "get", "emoji_names", "--from", package, "--out", "a folder/e.tsv", "--json")
    assert (answer.status, answer.err) == (0, "")
    told = msgspec.json.decode(answer.out)
    assert list(told) == ["path", "train", "source"]
    assert told["path"] == "a folder/e.tsv"
    assert told["train"] == COMMAND.replace("emoji_names.tsv", "'a folder/e.tsv'")
    assert (tmp_path / "a folder/e.source.json").exists()


def test_an_installed_package_needs_no_from(undertow, here, package, tmp_path):
    with tarfile.open(package) as tar:
        tar.extractall(tmp_path / "packed", filter="data")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "packed/package").rename(tmp_path / "node_modules/emojibase-data")
    assert undertow("catalog", "get", "emoji_names").status == 0
    assert (tmp_path / "emoji_names.tsv").read_text(encoding="utf-8") == TABLE


def test_a_set_of_several_files_is_a_folder(undertow, here, clothes, tmp_path):
    answer = undertow("catalog", "get", "fashion_mnist")
    assert (answer.status, answer.out) == (0, "fashion_mnist\n")
    assert "2 rows of dataset-fashion-mnist, MIT" in answer.err
    assert "No recipe trains on it yet; it suits one for images." in answer.err or "images" in RECIPES
    assert here() == ["fashion_mnist", "fashion_mnist.source.json", "system"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "fashion_mnist").iterdir()} == clothes
    source = msgspec.json.decode((tmp_path / "fashion_mnist.source.json").read_bytes())
    assert source["sha256"] == {name: hashlib.sha256(data).hexdigest() for name, data in clothes.items()}


@pytest.mark.parametrize("name", [name for name, each in SETS.items() if each.suits in RECIPES])
def test_every_command_names_a_recipe_and_options_that_it_has(name):
    each = SETS[name]
    options = {word[2:] for word in shlex.split(each.options) if word.startswith("--")}
    assert options <= find(each.suits).Options.__dataclass_fields__.keys()
    column = shlex.split(each.options)[1::2]
    assert each.suits == "classify" or {*column} <= {*getattr(each.form, "columns", ())}


def test_what_is_there_is_not_written_over_unless_forced(undertow, refused, here, package, tmp_path):
    for name in ("emoji_names.tsv", "emoji_names.source.json"):
        (tmp_path / name).write_text("mine")
        assert f"{name} is there already. Name another" in refused(
            "catalog", "get", "emoji_names", "--from", package
        )
        assert (here(), (tmp_path / name).read_text()) == ([name], "mine")
        (tmp_path / name).unlink()
    (tmp_path / "emoji_names.tsv").write_text("mine")
    assert undertow("catalog", "get", "emoji_names", "--from", package, "--force").status == 0
    assert (tmp_path / "emoji_names.tsv").read_text(encoding="utf-8") == TABLE


def test_not_installed_says_how_to_install(refused, here):
    said = refused("catalog", "get", "king_james")
    assert "king_james is read from the package bible-kjv-text, which is not here: not in " in said
    assert "Install it with `sudo apt-get install bible-kjv-text`; or have it as a file" in said
    assert here() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["get", "emoji-name"], "There is no set 'emoji-name'. Did you mean emoji_names? Sets: titles, "),
        (
            ["emoji_names"],
            "there is no `undertow catalog emoji_names`. Did you mean `undertow catalog get emoji_n",
        ),
        (
            ["gte", "titles"],
            "`undertow catalog` alone lists the sets and `undertow catalog get NAME` writes one; ",
        ),
        (["get", "emoji_names", "--from", "absent.tgz"], "absent.tgz does not exist; a package is needed"),
        (["get", "emoji_names", "--out", "e.txt"], "emoji_names needs a name like emoji_names.tsv"),
        (["get", "fashion_mnist", "--out", "."], "fashion_mnist needs a name like fashion_mnist"),
        (["get"], "NAME"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_refused(refused, here, words, told):
    said = refused("catalog", *words)
    assert told in said or told == "NAME"
    assert here() == []


def test_nothing_is_written_of_a_damaged_package(refused, here, package):
    package.write_bytes(package.read_bytes()[:-40])
    said = refused("catalog", "get", "emoji_names", "--from", package)
    assert f"{package}: emoji_names cannot be read from it: " in said
    assert "(`npm pack emojibase-data`)" in said
    assert here() == []


@pytest.mark.parametrize("last", range(1, 5))
def test_nothing_is_left_where_the_disk_is_full(refused, here, clothes, tmp_path, monkeypatch, last):
    """After so many of the five files."""
    write, written = catalog_get.write_atomic, []

    def fill(path, data):
        if len(written) == last:
            raise StorageError(f"Cannot write {path}: the disk is full.")
        written.append(path)
        write(path, data)

    monkeypatch.setattr(catalog_get, "write_atomic", fill)
    assert "the disk is full" in refused("catalog", "get", "fashion_mnist")
    assert not [path for path in tmp_path.rglob("fashion_mnist*") if path.is_file()]
    assert here() == ["system"]


def test_help_names_both(undertow):
    assert "undertow catalog get NAME" in " ".join(undertow("catalog", "--help").out.split())
    assert "--from" in undertow("catalog", "get", "--help").out
