from undertow.report import words


def test_names_are_cut_where_they_still_differ():
    assert words.cut(["cat", "a long name"], 6) == {"cat": "cat", "a long name": "a lon…"}
    kin = ["Papilionidae a", "Papilionidae b"]
    assert words.cut(kin, 6) == {kin[0]: "…dae a", kin[1]: "…dae b"}


def test_a_and_an():
    assert [words.a(unit) for unit in ("text", "image")] == ["a text", "an image"]
