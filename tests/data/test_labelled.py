"""Texts with labels: what is read of every format, and what is said of a file that cannot be used."""

import gzip
import json
import time
import tracemalloc

import pyarrow
import pytest
from pyarrow import parquet

from undertow.data.labelled import Layout, read_labelled
from undertow.errors import DataError, SettingError

TEXTS = ("good film", 'a "fine", one', "bad")
LABELS = ("pos", "pos", "neg")

NUMBERED = Layout(text="2", label="1", header=False)


def write(tmp_path, content, name="a.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path, content, name="a.csv", **how):
    return read_labelled(write(tmp_path, content, name), Layout(**how))


def counts(found):
    return found.rows, found.duplicates, found.conflicts, found.empty, found.skipped


CSV = 'id,text,label\n1,good film,pos\n2,"a ""fine"", one",pos\n3,bad,neg\n'
TSV = 'text\tlabel\ngood film\tpos\na "fine", one\tpos\nbad\tneg\n'
JSON = "".join(json.dumps({"text": t, "label": s}) + "\n" for t, s in zip(TEXTS, LABELS, strict=True))
TREES = '(pos (x good) (x film))\n(pos (x a) (x (x "fine",) (x one)))\n(neg bad)\n'


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.csv", CSV, "csv"),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0), "csv"),
        ("a.tsv", TSV, "tsv"),
        ("a.txt", TSV, "tsv"),
        ("a.jsonl", JSON, "jsonl"),
        ("a.ndjson", JSON, "jsonl"),
        ("a.txt", JSON, "jsonl"),
        ("a.ptb", TREES, "trees"),
        ("a.mrg.gz", gzip.compress(TREES.encode(), mtime=0), "trees"),
        ("a.txt", TREES, "trees"),
    ],
)
def test_every_format_gives_the_same_texts(tmp_path, name, content, format):
    found = read(tmp_path, content, name, format=format if name == "a.txt" else None)
    assert (found.texts, found.labels) == (TEXTS, LABELS)
    assert counts(found) == (3, 0, 0, 0, 0)
    assert found.source.format == format


def test_parquet_gives_the_same_texts(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"label": LABELS, "text": TEXTS, "n": [1, 2, 3]}), path)
    found = read_labelled(path)
    assert (found.texts, found.labels) == (TEXTS, LABELS)
    assert (found.columns, found.chosen) == (("label", "text", "n"), ("text", "label"))
    assert (found.source.format, found.source.column, found.source.encoding) == ("parquet", "text", "utf-8")


def test_what_was_met_adds_up(tmp_path):
    rows = ["a,1", " a , 1 ", "a,2", "b,1", ",1", "c,", "d,2,3", "a,3"]
    found = read(tmp_path, "text,label\n" + "\n".join(rows), skip_bad=True)
    assert (found.texts, found.labels) == (("a", "b"), ("1", "1"))
    assert counts(found) == (8, 1, 2, 2, 1)
    assert found.rows == len(found.texts) + sum(counts(found)[1:])


def test_a_quoted_line_break_counts_as_a_space(tmp_path):
    found = read(tmp_path, 'text,label\n"one\r\ntwo\n\nthree",a\nfour,b\n')
    assert (found.texts, found.labels) == (("one two three", "four"), ("a", "b"))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    found = read(tmp_path, b"\xef\xbb\xbf" + b"text,label\na,1\n")
    assert (found.columns, found.texts) == (("text", "label"), ("a",))
    assert read(tmp_path, b"\xef\xbb\xbf" + b"(1 (2 a))\n", "a.ptb").texts == ("a",)


def test_numbers_are_labels_and_no_texts(tmp_path):
    text = "".join(f'{{"text": "t{n}", "label": {n}}}\n' for n in ("3", "2.5", "4.0", "true"))
    assert read(tmp_path, text, "a.jsonl").labels == ("3", "2.5", "4", "true")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": ["a", "b"], "stars": [1, 2]}), path)
    assert read_labelled(path).labels == ("1", "2")
    with pytest.raises(DataError, match="column 'stars' holds int64, not strings"):
        read_labelled(path, Layout(text="stars", label="text"))
    with pytest.raises(DataError, match="line 1: 'text' holds int 7, not a string"):
        read(tmp_path, '{"text": 7, "label": "a"}\n', "a.jsonl")


SMS = "ham\tGo until jurong point, crazy..\nham\tOk lar...\nspam\tFree entry\n"


def test_without_a_header_the_first_row_is_data(tmp_path):
    found = read_labelled(write(tmp_path, SMS, "sms.tsv"), NUMBERED)
    assert found.texts == ("Go until jurong point, crazy..", "Ok lar...", "Free entry")
    assert found.labels == ("ham", "ham", "spam")
    assert (found.columns, found.chosen) == (("1", "2"), ("2", "1"))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (
            Layout(),
            r"seems to have no header: its first row is ham, Go until.*--no-header --text 2 --label 1",
        ),
        (Layout(label="ham"), r"'ham' is a label of other rows: it seems to have no header.*--no-header"),
        (Layout(text="2", label="1"), r"no column '2'; its first row names them ham.*give --no-header"),
        (Layout(header=False), r"the columns 1, 2; .* is not known\. Give --text COLUMN --label COLUMN"),
        (Layout(text="3", label="1", header=False), r"has no column '3'; it has 1, 2\."),
    ],
)
def test_a_missing_header_never_eats_a_row(tmp_path, how, told):
    with pytest.raises(DataError, match=told):
        read_labelled(write(tmp_path, SMS, "sms.tsv"), how)


def test_a_column_called_as_one_of_its_labels_beside_a_usual_name_is_a_header(tmp_path):
    assert read(tmp_path, "text,spam\na,spam\nb,ham\n").labels == ("spam", "ham")


def test_another_encoding(tmp_path):
    content = "1_1\t-0.9\tren\xe9e\n1_2\t0.4\tna\xefve\n".encode("cp1252")
    path = write(tmp_path, content, "tweets_GroundTruth.txt")
    how = {"text": "3", "label": "2", "header": False, "format": "tsv"}
    assert read_labelled(path, Layout(**how, encoding="cp1252")).texts == ("renée", "naïve")
    with pytest.raises(DataError, match=r"line 1: byte 0xe9 is not utf-8 .*It may be --encoding cp1252"):
        read_labelled(path, Layout(**how))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "text,label\na,1\nb,2,3\n", r"row 3: 3 values where the header has 2\. .*--skip-bad"),
        (
            "a.csv",
            "text,label\na\x07,1\n",
            r"row 2: the text: control character U\+0007 at character 2.*--encoding",
        ),
        ("a.csv", "text,label\na,x\x07\n", r"row 2: the label: control character U\+0007 at character 2"),
        (
            "a.csv",
            f"text,label\n{'x' * 10_001},1\n",
            "row 2: the text: longer than 10,000 .* quote .*--max-length",
        ),
        ("a.jsonl", '{"text": "a", "label": "1"}\n{"text": ', "line 2: not JSON: .*--skip-bad"),
        (
            "a.jsonl",
            '{"text": "a", "label": {}}\n',
            "line 1: 'label' holds dict {}, not a string or a number",
        ),
        ("a.csv", "text,label\n", "holds no row below its header"),
        (
            "a.csv",
            "text,label\na,\n,1\n",
            "no text with a label: of 2 rows 2 have no text or no label, and 0",
        ),
        ("a.csv", "text,b,c\na,b,c\n", r"the label is not known\. Give --label COLUMN"),
        ("a.csv", "text\tlabel\na\t1\n", r"has one column, .* give --format tsv"),
        ("a.txt", "a\nb\n", r"lines of text, which have no labels\. .*--format tsv, csv.*--format trees"),
        ("a.csv", "", "is empty"),
        ("a.csv", b"text\0label", "is binary: byte 4 is zero"),
        ("a.csv", b"PK\x03\x04", "save the sheet as CSV"),
        ("a.ptb", "(1 a)\n(1 (2 b)\n", "the tree that begins in line 2 is not closed"),
        ("a.ptb", "(1 a)\nhello\n", "line 2: 'hello' stands outside of a tree"),
    ],
)
def test_bad_file_is_told_with_its_place(tmp_path, name, content, told):
    with pytest.raises(DataError, match=told):
        read(tmp_path, content, name)


def test_an_unknown_column_is_told_with_a_close_one(tmp_path):
    with pytest.raises(
        DataError, match=r"no column 'lable'; it has text, label\. Did you mean --label label"
    ):
        read(tmp_path, "text,label\na,1\n", label="lable")


@pytest.mark.parametrize(
    ("name", "how", "told"),
    [
        ("a.csv", {"max_length": 0}, "--max-length must be at least 1, got 0"),
        ("a.csv", {"format": "xml"}, "--format xml is unknown"),
        ("a.csv", {"phrases": True}, "only trees have phrases"),
        ("a.ptb", {"text": "text"}, "which have no columns"),
        ("a.jsonl", {"header": False}, "Leave --no-header out"),
        ("a.csv", {"encoding": "utf-88"}, "--encoding utf-88 is unknown"),
    ],
)
def test_options_that_do_not_go_together_are_settings(tmp_path, name, how, told):
    with pytest.raises(SettingError, match=told):
        read(tmp_path, "text,label\na,1\n", name, **how)


def test_bad_rows_are_counted_when_asked(tmp_path):
    table = f"text,label\na,1\nb,2,3\n{'x' * 99},1\nc\x07,1\nd,2\n"
    found = read(tmp_path, table, max_length=50, skip_bad=True)
    assert (found.texts, found.skipped, found.rows) == (("a", "d"), 3, 5)
    lines = '{"text": "a", "label": 1}\nnope\n{"text": [], "label": 1}\n'
    assert read(tmp_path, lines, "a.jsonl", skip_bad=True).skipped == 2


def test_a_bad_tree_in_a_line_of_its_own_is_counted(tmp_path):
    found = read(tmp_path, "(1 a)\n(1 (2 b)\n(0 c)\n(3 d))\n(1 e)\n", "a.ptb", skip_bad=True)
    assert (found.texts, found.labels) == (("a", "c", "e"), ("1", "0", "1"))
    assert counts(found) == (5, 0, 0, 0, 2)
    with pytest.raises(DataError, match="is not closed"):
        read(tmp_path, "(1 (2 a)\n (3 b))\n(1 (2 c)\n", "a.ptb", skip_bad=True)


def test_every_phrase_has_a_label(tmp_path):
    tree = "(3 (2 The) (4 (2 best) (3 film)))\n"
    found = read(tmp_path, tree + "(1 (0 film) (2 The))\n", "a.ptb", phrases=True)
    assert dict(zip(found.texts, found.labels, strict=True)) == {
        "The best film": "3",
        "best film": "4",
        "film": "3",
        "best": "2",
        "The": "2",
        "film The": "1",
    }
    assert found.texts[0] == "The best film"
    assert counts(found) == (8, 1, 1, 0, 0)
    assert read(tmp_path, tree, "a.ptb").texts == ("The best film",)


def test_the_brackets_around_a_tree_of_the_treebank_have_the_label_inside(tmp_path):
    assert read(tmp_path, "( (S (NP we) (VP ran)))\n", "a.mrg").labels == ("S",)


def test_phrases_of_a_deep_tree_are_read_in_bounded_time(tmp_path):
    depth = 5000
    text = "(1 (2 a) " * depth + "(2 b)" + ")" * depth
    start = time.perf_counter()
    found = read(tmp_path, text, "a.ptb", phrases=True, skip_bad=True, max_length=100)
    assert len(found.texts) == 51  # a and b; of 2, 3 ... 50 words those below 100 characters
    assert time.perf_counter() - start < 5


def test_a_row_of_ten_megabytes(tmp_path):
    long = "x" * 10_000_000
    for name, sign in (("a.csv", ","), ("a.tsv", "\t")):
        text = f"text{sign}label\na{sign}1\n{long}{sign}2\nb{sign}2\n"
        with pytest.raises(
            DataError, match=rf"{name}, row 3: a row of more than 4,194,304 characters.*--skip-bad"
        ):
            read(tmp_path, text, name)
        found = read(tmp_path, text, name, skip_bad=True)
        assert (found.texts, found.skipped) == (("a", "b"), 1)
    lines = (
        f'{{"text": "a", "label": "1"}}\n{{"text": "{long}", "label": "2"}}\n{{"text": "b", "label": "2"}}\n'
    )
    with pytest.raises(DataError, match="line 2: longer than 4,194,304 characters"):
        read(tmp_path, lines, "a.jsonl")
    found = read(tmp_path, lines, "a.jsonl", skip_bad=True)
    assert (found.texts, found.skipped) == (("a", "b"), 1)
    found = read(tmp_path, f"(1 a)\n(1 {long})\n(2 b)\n", "a.ptb", skip_bad=True)
    assert (found.texts, found.skipped) == (("a", "b"), 1)


def test_many_rows_are_not_held_twice(tmp_path):
    text = "text,label\n" + "the same long text over and over,1\n" * 200_000
    path = write(tmp_path, text)
    tracemalloc.start()
    found = read_labelled(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(found.texts), found.duplicates) == (1, 199_999)
    assert peak < 40_000_000


def test_repeats_stay_where_they_are_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nfine,1\ndull,0\nfine,1\nfine,0\n")
    once, whole = read_labelled(tmp_path / "a.csv"), read_labelled(tmp_path / "a.csv", Layout(repeats=True))
    assert (once.texts, once.duplicates, once.conflicts) == (("fine", "dull"), 1, 1)
    assert (whole.texts, whole.labels) == (("fine", "dull", "fine", "fine"), ("1", "0", "1", "0"))
    assert (whole.rows, whole.duplicates) == (4, 0)
