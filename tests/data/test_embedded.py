import pytest

from undertow.data.embedded import EMBEDDED, FOLDER, resolve
from undertow.data.strings import read_strings
from undertow.errors import DataError


@pytest.mark.parametrize(
    ("name", "count", "one"),
    [("compounds", 2422, "(-)-menthol"), ("elements", 118, "Helium"), ("movies", 16863, "$9.99")],
)
def test_sets_hold_what_is_told(name, count, one):
    path, column = resolve(name)
    found = read_strings(path, column=column)
    assert len(found.values) == found.rows == count
    assert one in found.values
    assert EMBEDDED[name].file in (FOLDER / "NOTICE.md").read_text()
    assert EMBEDDED[name].about.find(f"{count:,}") >= 0


def test_a_file_wins_over_a_set_but_a_folder_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elements").mkdir()
    assert resolve("elements")[1] == "name"
    (tmp_path / "movies").write_text("anna")
    assert resolve("movies")[1] is None


def test_neither_lists_the_sets():
    with pytest.raises(DataError, match=r"Close to it: movies\..* compounds, elements, movies"):
        resolve("movise")
