"""Every set out of a small package made here, in each way that a package may lie around."""

import io
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
from small_packages import HELD, ROWS, WRITTEN, compressed, deb_of, tar_of, zip_of

from undertow.data.sets import debian_package
from undertow.data.sets.catalog import SETS, find
from undertow.data.sets.lzw import expanded
from undertow.data.sets.place import version_named
from undertow.data.sets.reading import read_set
from undertow.data.sets.unpack import files_of
from undertow.errors import DataError, SettingError


def contents(name):
    return dict(zip(SETS[name].files, HELD[name], strict=True))


def lay(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def of_kind(kind):
    return [name for name, each in SETS.items() if type(each.place).__name__ == kind]


def check(name, found, version):
    assert found.version == version
    written = WRITTEN[name]
    assert dict(found.packed.files) == (written if isinstance(written, dict) else {"": written.encode()})
    assert found.packed.rows == ROWS.get(name, len(str(written).splitlines()) - 1)
    assert list(found.digests) == list(SETS[name].files)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A working folder and a system without any package; scikit-learn is hidden by an empty one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(
        sys.modules, "sklearn", raising=False
    )  # one that is loaded is found where it was loaded from
    monkeypatch.setattr(debian_package, "SYSTEM", tmp_path / "system")
    monkeypatch.syspath_prepend(lay(tmp_path / "none", {"sklearn/__init__.py": b""}))
    lay(tmp_path / "none/scikit_learn-0.dist-info", {"METADATA": b"Name: scikit-learn\nVersion: 0\n"})
    return tmp_path


def test_every_set_is_tried_here():
    assert list(SETS) == list(HELD) == list(WRITTEN)


def test_names_say_files_and_no_two_are_the_same():
    assert all(each.name == name and each.file.startswith(name) for name, each in SETS.items())
    assert all(each.about and each.suits and each.licence and each.rows for each in SETS.values())


@pytest.mark.parametrize("name", of_kind("PythonPackage"))
@pytest.mark.parametrize("metadata", [True, False], ids=["with metadata", "on the path alone"])
def test_an_installed_python_package_is_read_and_not_imported(name, metadata, bare, monkeypatch):
    each, site = SETS[name], lay(bare / "site", contents(name))
    top = each.files[0].partition("/")[0]
    lay(site, {f"{top}/__init__.py": b"raise SystemExit('imported')"})
    if metadata:
        folder = site / f"{each.place.package.replace('-', '_')}-2027.3.dist-info"
        lay(folder, {"METADATA": f"Name: {each.place.package}\nVersion: 2027.3\n".encode()})
    monkeypatch.syspath_prepend(site)
    assert each.place.find(each.files) == site
    if each.place.oldest and not metadata:
        with pytest.raises(
            DataError, match=r"from bokeh-sampledata 2026\.1 on, and which version this is cannot"
        ):
            read_set(each)
    else:
        check(name, read_set(each), "2027.3" if metadata else None)


@pytest.mark.parametrize("name", of_kind("DebianPackage"))
def test_an_installed_debian_package_is_read(name, bare):
    each, system = SETS[name], lay(bare / "system", contents(name))
    status = (
        f"Package: other\nVersion: 1\n\nPackage: {each.place.package}\nArchitecture: all\nVersion: 2.38-1\n\n"
    )
    lay(system, {debian_package.STATUS: status.encode()})
    check(name, read_set(each), "2.38-1")


@pytest.mark.parametrize("name", of_kind("NpmPackage"))
def test_an_installed_npm_package_is_found_from_a_folder_below(name, bare, monkeypatch):
    each = SETS[name]
    root = lay(bare / "node_modules" / each.place.package, contents(name))
    lay(root, {"package.json": b'{"version": "17.0.0"}'})
    below = bare / "a/b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    check(name, read_set(each), "17.0.0")


@pytest.mark.parametrize("name", of_kind("SourcePackage"))
def test_a_source_package_lies_where_pip_downloads_it_to(name, bare):
    each, inside = SETS[name], f"{SETS[name].place.package}-3.3.2"
    archive = tar_of({f"{inside}/{file}": data for file, data in contents(name).items()})
    (bare / f"{inside}.tar.gz").write_bytes(archive)
    check(name, read_set(each), "3.3.2")


@pytest.mark.parametrize("name", SETS)
def test_archives_of_every_kind_are_read(name, tmp_path):
    each, files, package = SETS[name], contents(name), SETS[name].place.package
    archives = {
        f"{package.replace('-', '_')}-2027.3-py3-none-any.whl": zip_of(files),
        f"{package}-2027.3.tgz": tar_of({f"package/{file}": data for file, data in files.items()}),
        f"{package}_2027.3_all.deb": deb_of(files),
    }
    for file, data in archives.items():
        path = tmp_path / file
        path.write_bytes(data)
        check(name, read_set(each, path), "2027.3")


@pytest.mark.parametrize("name", [name for name in SETS if not SETS[name].place.oldest])
def test_folders_are_read_from_above_and_from_within(name, tmp_path):
    each = SETS[name]
    root = lay(tmp_path / "unpacked", contents(name))
    within = root / each.files[0].partition("/")[0]
    check(name, read_set(each, root), None)
    check(name, read_set(each, tmp_path), None)
    if name != "emoji_names":  # whose files are told apart by their folders
        check(name, read_set(each, within), None)


@pytest.mark.parametrize("name", SETS)
def test_not_installed_says_how_to_install(name, bare):
    each = SETS[name]
    assert each.place.find(each.files) is None
    with pytest.raises(
        DataError, match=f"{name} is read from the package {each.place.package}, which is not"
    ) as error:
        read_set(each)
    assert f"`{each.place.install}`" in str(error.value)
    assert f"`{each.place.download}`" in str(error.value)
    assert "--from" in str(error.value)


DAMAGES = [(name, damage) for name in SETS for damage in ("empty", "cut", "zeros", "text")]
DAMAGES.remove(("elements", "cut"))  # its last line is cut behind the columns that are read: it is whole


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_damaged_files_are_told(name, damage, tmp_path):
    spoil = {
        "empty": lambda data: b"",
        "cut": lambda data: data[: len(data) * 2 // 3],
        "zeros": lambda data: b"\0" * len(data),
        "text": lambda data: b"{ this is\nno such file",
    }[damage]
    folder = lay(tmp_path / "bokeh_sampledata-2026.1", {f: spoil(data) for f, data in contents(name).items()})
    with pytest.raises(DataError, match=name) as error:
        read_set(SETS[name], folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["titles", "fashion_mnist", "emoji_names", "vader_movies"])
def test_damaged_archives_are_told(name, tmp_path):
    package, files = SETS[name].place.package, contents(name)
    for file, data in {
        f"{package}-2026.1.tar.gz": tar_of(files),
        f"{package}-2026.1.whl": zip_of(files),
        f"{package}_2026.1_all.deb": deb_of(files),
        f"{package}_2026.2_all.deb": deb_of(files, "zst"),
        "text.tgz": b"no archive\n" * 200,
        "nothing.tgz": b"",
    }.items():
        path = tmp_path / file
        path.write_bytes(data if "2026.2" in file else data[: len(data) // 2])
        with pytest.raises(DataError, match=f"{name} cannot be read from it") as error:
            read_set(SETS[name], path)
        assert "\n" not in str(error.value)
        assert ("dpkg-deb -x" in str(error.value)) == ("2026.2" in file)


def test_an_archive_without_the_file_and_no_archive_at_all(tmp_path):
    path = tmp_path / "other-1.0.tgz"
    path.write_bytes(tar_of({"package/readme": b"text"}))
    with pytest.raises(
        DataError, match=r"other-1\.0\.tgz does not hold en/compact\.json\. Is it the package"
    ):
        read_set(SETS["emoji_names"], path)
    with pytest.raises(DataError, match=r"does not hold en/compact\.json, .*Give the folder"):
        read_set(SETS["emoji_names"], tmp_path)
    with pytest.raises(DataError, match=r"absent\.tgz does not exist; a package is needed"):
        read_set(SETS["emoji_names"], tmp_path / "absent.tgz")


def test_of_copies_in_an_archive_the_one_nearest_its_root_is_taken(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(tar_of({"a/build/x/y.csv": b"copy", "a/x/y.csv": b"own", "a/copies/x/y.csv": b"copy"}))
    assert files_of(path, ("x/y.csv",)) == (b"own",)


@pytest.mark.parametrize("version", ["2025.12", "0.9"])
def test_titles_of_an_older_version_are_under_another_licence(version, tmp_path):
    path = tmp_path / f"bokeh_sampledata-{version}-py3-none-any.whl"
    path.write_bytes(zip_of(contents("titles")))
    with pytest.raises(
        DataError, match=rf"CC0-1\.0 .*2026\.1 on, and this is {version}\. Get a newer one: `pip"
    ):
        read_set(SETS["titles"], path)


@pytest.mark.parametrize(
    ("file", "package", "expected"),
    [
        ("vaderSentiment-3.3.2.tar.gz", "vaderSentiment", "3.3.2"),
        ("scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.whl", "scikit-learn", "1.9.1"),
        ("scikit_learn-1.9.1.dist-info", "scikit-learn", "1.9.1"),
        ("dataset-fashion-mnist_0.0~git2020-1_all.deb", "dataset-fashion-mnist", "0.0~git2020-1"),
        ("emojibase-data-17.0.0.tgz", "emojibase-data", "17.0.0"),
        ("emojibase-data-regex-17.0.0.tgz", "emojibase-data", None),
        ("data.tgz", "emojibase-data", None),
    ],
)
def test_the_name_of_a_file_says_the_version(file, package, expected):
    assert version_named(file, package) == expected


@pytest.mark.parametrize("widest", [10, 12, 16])
@pytest.mark.parametrize("clear_after", [None, 7, 300])
@pytest.mark.parametrize("length", [0, 1, 9, 3000])
def test_lzw_is_what_gzip_reads(widest, clear_after, length):
    draw = random.Random(length)
    data = bytes(draw.choice(b"abcab ") for _ in range(length))
    codes = compressed(data, widest, clear_after)
    assert expanded(codes, 128 | widest) == data
    if length and (gzip_itself := shutil.which("gzip")):
        file = bytes((0x1F, 0x9D, 128 | widest)) + codes
        answer = subprocess.run(
            [gzip_itself, "-dc"], input=file, capture_output=True, check=False, timeout=60
        )
        assert answer.stdout == data


def test_lzw_of_one_letter_says_the_string_that_is_just_being_made():
    assert expanded(compressed(b"a" * 500), 0x90) == b"a" * 500


def test_unknown_names_get_the_closest():
    with pytest.raises(
        SettingError, match=r"There is no set 'Vader-Movies'\. Did you mean vader_movies\? Sets: titl"
    ):
        find("Vader-Movies")
    with pytest.raises(SettingError, match=r"There is no set 'qqq'\. Sets: titles, elements"):
        find("qqq")


def test_the_digits_that_are_installed_here_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    found = read_set(SETS["digits"])
    ((_, data),) = found.packed.files
    table = np.loadtxt(io.BytesIO(data), delimiter=",", skiprows=1)
    oracle = datasets.load_digits()
    assert found.packed.rows == SETS["digits"].rows
    assert np.array_equal(table[:, 0], oracle.target)
    assert np.array_equal(table[:, 1:], oracle.data)
