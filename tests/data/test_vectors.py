import gzip
import hashlib
import json
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from undertow.data.tokens import Tokens
from undertow.data.vectors import read_vectors
from undertow.data.vectors_pieces import BLOCK
from undertow.errors import DataError

GLOVE = "the 0.5 -1 2\nCat 1 1 1\ncat 2 2 2\n. . . 3 3 3\nthe 9 9 9\n"
NAMES = ("(end)", "(unknown)", "Cat", "CAT", "the", "dog", "The", ". . .")
ROWS = [[0, 0, 0], [0, 0, 0], [1, 1, 1], [2, 2, 2], [0.5, -1, 2], [0, 0, 0], [0.5, -1, 2], [3, 3, 3]]
PIECES = ["[PAD]", "[UNK]", "un", "##believ", "##able", "cafe", "'", "s", "it", "漢", "##s", "great", "##字"]


def table_of(rows, dimension=4):
    return np.arange(rows * dimension, dtype=np.float32).reshape(rows, dimension)


def write_pieces(folder, pieces=PIECES, name="embeddings.word_embeddings.weight", **others):
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: table_of(len(pieces)), **others}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", "utf-8")
    return folder / "model.safetensors"


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.txt", GLOVE, "glove"),
        ("a.vec", "5 3\n" + GLOVE, "word2vec"),
        ("a.txt", "5 3\n" + GLOVE.replace("\n", " \n"), "word2vec"),  # the tool of 2013 ends lines so
        ("a.txt", GLOVE.replace(" 1 1 1", "\t1\t1\t1"), "glove"),
        ("a.txt.gz", GLOVE, "glove"),
        ("a.txt.gz", "5 3\r\n" + GLOVE.replace("\n", "\r\n"), "word2vec"),
    ],
)
def test_text_by_hand(tmp_path, name, content, form):
    path, data = tmp_path / name, content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = read_vectors(path, NAMES)
    assert found.table.tolist() == ROWS
    assert found.table.dtype == np.float32
    assert found.known.tolist() == [False, False, True, True, True, False, True, True]
    assert found.covered == 5 / 6
    assert found.dimension == 3
    assert (found.source.path, found.source.format) == (str(path), form)
    assert found.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_spelling_itself_wins_wherever_it_stands(tmp_path):
    path = tmp_path / "a.txt"
    for content in ("cat 1\nCat 2\n", "Cat 2\ncat 1\n"):
        path.write_text(content)
        assert read_vectors(path, ["Cat", "cat", "CAT"]).table.tolist() == [[2], [1], [1]]


def test_names_of_tokens_are_taken_as_they_are(tmp_path):
    (tmp_path / "a.txt").write_text("b 1 2\na 3 4\n")
    tokens = Tokens.of(["a b b"], "words", lower=True)
    assert read_vectors(tmp_path / "a.txt", tokens.names).table.tolist() == [[0, 0], [0, 0], [1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a 1 2\nb 1\n", r"a.txt, line 2: 2 values .* got 1"),
        ("a 1 2\n\nb 1 2 3\n", r"a.txt, line 3: 2 values .* got 3"),
        ("2 2\na 1 2\nb 1 2 3\n", r"line 3: 2 values"),
        ("a 1 2\nb nan 2\n", r"line 2: a value is not a finite number"),
        ("a 1 2\nb 1e99 2\n", r"line 2: a value is not a finite number"),
        ("a 1 2\nb 1 x\n", r"line 2: a value is not a number"),
        ("To be or not\nb is the question\n", r"line 1: a value is not a number .* file of vectors\?"),
        ("word\nb\n", r"line 1: a value is not a number"),
        ("3 2\na 1 2\nb 1 2\n", r"not whole: its first line promises 3 words, but 2 follow"),
        ("5 0\na\n", r"line 2: 0 values"),
        ("c 1 2\n", r"none of the 1 units has a vector"),
    ],
)
def test_what_is_wrong_in_a_text_is_told(tmp_path, content, told):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError, match=told):
        read_vectors(tmp_path / "a.txt", ["(end)", "(unknown)", "b"])


def test_a_line_without_end_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("undertow.data.vectors_text.LONGEST", 100)
    (tmp_path / "a.txt").write_text("a 1 2\nb " + "1 " * 100)
    with pytest.raises(DataError, match="line 2 is longer than 100 characters"):
        read_vectors(tmp_path / "a.txt", ["a"])


@pytest.mark.parametrize(
    ("unit", "pieces"),
    [
        ("great", ["great"]),
        ("GREAT", ["great"]),
        ("unbelievable", ["un", "##believ", "##able"]),
        ("Unbelievables", ["un", "##believ", "##able", "##s"]),
        ("Café", ["cafe"]),
        ("It's", ["it", "'", "s"]),
        ("漢s", ["漢", "s"]),  # a Chinese character is a word by itself
        ("gre\u200dat", ["great"]),
        ("greatx", []),
        ("it-s", []),
    ],
)
def test_pieces_by_hand(tmp_path, unit, pieces):
    found = read_vectors(write_pieces(tmp_path), ["(end)", "it", unit])
    wanted = table_of(len(PIECES))[[PIECES.index(piece) for piece in pieces]]
    assert found.known.tolist() == [False, True, bool(pieces)]
    assert found.table[2].tolist() == (wanted.mean(axis=0).tolist() if pieces else [0, 0, 0, 0])
    assert found.source.format == "safetensors"


def test_pieces_agree_with_tokenizers(tmp_path):
    library = pytest.importorskip("tokenizers")
    oracle = library.Tokenizer(
        library.models.WordPiece({piece: row for row, piece in enumerate(PIECES)}, unk_token="[UNK]")
    )
    oracle.normalizer = library.normalizers.BertNormalizer(lowercase=True)
    oracle.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    units = [
        "unbelievable",
        "Café's",
        "itś",
        "s's's",
        "unit",
        "uns",
        "漢漢字",
        "ＩＴ",
        "un\tit",
        "'",
        "\u00ad",
    ]
    found = read_vectors(write_pieces(tmp_path), units)
    for row, known, unit in zip(found.table, found.known, units, strict=True):
        ids = oracle.encode(unit).ids
        ids = [] if 1 in ids else ids
        assert known == bool(ids)
        assert row.tolist() == pytest.approx(
            table_of(len(PIECES))[ids].mean(axis=0).tolist() if ids else [0] * 4
        )


def test_case_and_accents_count_where_the_table_has_them(tmp_path):
    path = write_pieces(tmp_path, ["Café", "cafe", "##s", "##S"])
    found = read_vectors(path, ["Cafés", "cafes", "CAFES", "cafés"])
    assert found.known.tolist() == [True, True, False, False]


def test_the_table_is_found_by_its_name_or_its_rows(tmp_path):
    for number, (name, others) in enumerate(
        [
            ("bert.embeddings.word_embeddings.weight", {"cls.decoder.weight": table_of(len(PIECES)) + 1}),
            ("model.embed_tokens.weight", {"a.weight": table_of(len(PIECES)) + 1, "b": table_of(3)}),
            ("vectors", {"other": table_of(5), "flat": np.zeros(len(PIECES), dtype=np.float32)}),
        ]
    ):
        path = write_pieces(tmp_path / str(number), name=name, **others)
        assert read_vectors(path, ["un"]).table.tolist() == [[8, 9, 10, 11]]
    path = write_pieces(tmp_path, name="other.weight")
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match="a tensor of 2 rows"):
        read_vectors(path, ["a"])


def test_a_padded_table_and_rows_far_apart(tmp_path):
    pieces = [f"w{number}" for number in range(2 * BLOCK + 5)]
    name = "embeddings.word_embeddings.weight"
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    save_file({name: table_of(2 * BLOCK + 8)}, tmp_path / "model.safetensors")
    found = read_vectors(tmp_path, [pieces[-1], pieces[0], pieces[BLOCK], pieces[BLOCK - 1]])
    assert (found.table[:, 0] / 4).tolist() == [2 * BLOCK + 4, 0, BLOCK, BLOCK - 1]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types_of_numbers(tmp_path, kind):
    path = write_pieces(tmp_path, ["a", "b"])
    save_torch({"embedding": torch.tensor([[1, 2.5], [-3, 0]], dtype=kind)}, path)
    assert read_vectors(path, ["b", "a"]).table.tolist() == [[-3, 0], [1, 2.5]]


def test_other_types_and_numbers_are_refused(tmp_path):
    path = write_pieces(tmp_path, ["a", "b"])
    save_torch({"embedding": torch.ones(2, 2, dtype=torch.int8)}, path)
    with pytest.raises(DataError, match="of type F16, BF16, F32, F64"):
        read_vectors(path, ["a"])
    save_torch({"embedding": torch.tensor([[1, 2], [torch.nan, 0]])}, path)
    assert read_vectors(path, ["a"]).known.all()
    with pytest.raises(DataError, match="tensor embedding holds values that are not finite"):
        read_vectors(path, ["a", "b"])
    path.write_bytes(b"damaged, and not a header")
    with pytest.raises(DataError, match="cannot be read as safetensors"):
        read_vectors(path, ["a"])


def test_a_tokenizer_stands_in_for_the_list(tmp_path):
    path = write_pieces(tmp_path, ["a", "b"])
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(DataError, match=r"needs its vocabulary beside it: vocab.txt or tokenizer.json"):
        read_vectors(path, ["a"])
    record = {"added_tokens": [{"id": 0, "content": "a"}], "model": {"type": "WordPiece", "vocab": {"b": 1}}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(record))
    assert read_vectors(path, ["b", "a"]).table.tolist() == [[4, 5, 6, 7], [0, 1, 2, 3]]
    for wrong, told in [
        ({"model": {"type": "BPE", "vocab": {"a": 0}}}, "of type BPE; WordPiece alone"),
        ({"model": {"type": "WordPiece", "vocab": [["a", 0.0]]}}, "needs a row for each token"),
        ({"model": None}, "not the description of a tokenizer"),
        ([], "not the description of a tokenizer"),
    ]:
        (tmp_path / "tokenizer.json").write_text(json.dumps(wrong))
        with pytest.raises(DataError, match=told):
            read_vectors(path, ["a"])


def test_a_folder_and_a_package(tmp_path, monkeypatch):
    write_pieces(tmp_path / "some_vectors_7" / "model")
    (tmp_path / "some_vectors_7" / "__init__.py").write_text("raise RuntimeError('nobody imports me')")
    assert read_vectors(tmp_path, ["it"]).known.all()
    monkeypatch.syspath_prepend(tmp_path)
    assert read_vectors("some-vectors-7", ["it"]).known.all()  # by its module
    information = tmp_path / "other_name-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: other-name\nVersion: 1\n")
    (information / "RECORD").write_text("some_vectors_7/model/model.safetensors,,\n")
    assert read_vectors("Other_Name", ["it"]).known.all()  # by its distribution
    assert "some_vectors_7" not in sys.modules


def test_what_holds_no_vectors_is_told(tmp_path):
    with pytest.raises(DataError, match=r"needs a .safetensors file and, beside it, vocab.txt"):
        read_vectors(tmp_path, ["a"])
    (tmp_path / "vectors.txt").write_text("a 1\n")
    with pytest.raises(DataError, match=r"Close to it: vectors.txt. No package of that name is installed"):
        read_vectors(tmp_path / "vector.txt", ["a"])
    with pytest.raises(DataError, match=r"no-such-vectors does not exist.* No package of that name"):
        read_vectors("no-such-vectors", ["a"])


@pytest.mark.parametrize("name", ["a.bin", "a.bin.gz", "a.PT", "a.npy", "a.pkl", "pytorch_model.bin"])
def test_pickles_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"a 1 2\n")
    with pytest.raises(DataError, match=r"may hold a pickle.* Save the vectors as safetensors"):
        read_vectors(tmp_path / name, ["a"])
