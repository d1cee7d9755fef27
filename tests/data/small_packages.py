"""Small packages, as pip, apt and npm would have them, and what is to be written of each set in them."""

import gzip
import io
import json
import sqlite3
import struct
import tarfile
import zipfile
from contextlib import closing

import numpy as np


def tar_of(files, mode="w:gz"):
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return held.getvalue()


def deb_of(files, compression="xz"):
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": b"odd",  # padded to an even length
        f"data.tar.{compression}": tar_of({f"./{name}": data for name, data in files.items()}, "w:xz"),
    }
    heads = {
        name: f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n" for name, data in parts.items()
    }
    return b"!<arch>\n" + b"".join(heads[n].encode() + d + b"\n" * (len(d) % 2) for n, d in parts.items())


def zip_of(files):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


def films():
    with closing(sqlite3.connect(":memory:")) as held:
        held.execute("CREATE TABLE omdb (ID INTEGER, Title TEXT, Year INTEGER)")
        rows = [(1, "Tide", 1990), (2, 'Ebb, the "Sea"', 1950), (3, "Tide", 1961), (4, " ", 1970)]
        held.executemany("INSERT INTO omdb VALUES (?, ?, ?)", rows)
        return held.serialize()


def catalogue(pairs):
    """A .mo file, as msgfmt would write it."""
    keys, values = zip(*((key.encode(), value.encode()) for key, value in sorted(pairs.items())), strict=True)
    head, table, at = 28, [], 28 + 16 * len(keys)
    for text in keys + values:
        table.append(struct.pack("<2I", len(text), at))
        at += len(text) + 1
    first = struct.pack("<7I", 0x950412DE, 0, len(keys), head, head + 8 * len(keys), 0, 0)
    return first + b"".join(table) + b"".join(text + b"\0" for text in keys + values)


def compressed(data, widest=16, clear_after=None):
    """The codes of `compress`; the table is cleared after so many codes. The naive twin of `expanded`."""
    codes = {bytes((value,)): value for value in range(256)}
    bits, at, group, width, known, told = 0, 0, 0, 9, 257, 0

    def pad():
        return at + (group - at) % (8 * width)

    while data:
        length = next(n for n in range(1, len(data) + 1) if n == len(data) or data[: n + 1] not in codes)
        bits, at, told = bits | codes[data[:length]] << at, at + width, told + 1
        if told > 1 and known < 1 << widest:
            known += 1  # as far as the reader is, which is one code behind
        if known == 1 << width and width < widest:
            at, width = pad(), width + 1
            group = at
        if known + 1 <= 1 << widest and len(data) > length:
            codes[data[: length + 1]] = 257 + told - 1
        data = data[length:]
        if told == clear_after and data:
            bits, at = bits | 256 << at, at + width
            at, width = pad(), 9
            codes, group, known, told = {bytes((value,)): value for value in range(256)}, at, 257, 0
    return bits.to_bytes(-(-at // 8), "little")


def bible(text, size=64):
    windows = [compressed(text[at : at + size].encode()) for at in range(0, len(text), size)]
    header = 4 + 80 + 12 + 4 * len(windows) + 3
    ends = [header + sum(map(len, windows[: at + 1])) for at in range(len(windows))]
    numbers = struct.pack(f">3I{len(ends)}I", size, len(windows), header, *ends)
    return b"EC02" + b"Compressed".ljust(80, b"\0") + numbers + b"\x1f\x9d\x90" + b"".join(windows)


def idx(*shape):
    count = int(np.prod(shape))
    told = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    return gzip.compress(told + bytes(value % 10 for value in range(count)), mtime=0)


def ratings(kind):
    text = f'1\t-2.5\t{kind} is “bad”.\r\n2_1\t3.75\ta "good"\tone\r\n'.encode("cp1252")
    return {f"hutto_ICWSM_2014/{kind}_GroundTruth.txt": text}


def emoji(*names):
    told = [
        {"hexcode": f"1F60{at}", "label": name, "unicode": chr(0x1F600 + at)} for at, name in enumerate(names)
    ]
    return json.dumps(told).encode()


COMPOUND = "4\t78-96-6\tC3H9NO\t75.1\tS\tI\tK\tiupac\tthreamine\tother"
MESSAGES = catalogue(
    {
        "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
        "  --list    list all\n": "  --list    tout\u00a0lister\n",
        "menu\x04Open": "Ouvrir",
        "%d file\0%d files": "%d fichier\0%d fichiers",
    }
)
TRANSLATED = (
    "source\ttarget\n--list list all\t--list tout\u00a0lister\n"
    "%d file\t%d fichier\n%d file\t%d fichiers\nOpen\tOuvrir\n"
)
VERSES = (
    "King James.\n" + "".join(f"1Sa3:{n} And it came to pass in verse {n};\n" for n in range(1, 9)) + "\n"
)
CLOTHES = {
    "train-images-idx3-ubyte.gz": idx(3, 2, 2),
    "train-labels-idx1-ubyte.gz": idx(3),
    "t10k-images-idx3-ubyte.gz": idx(2, 2, 2),
    "t10k-labels-idx1-ubyte.gz": idx(2),
}
PIXELS = {size: gzip.compress(f"{'0,' * (size - 1)}16,7\n{'1,' * size}0\n".encode()) for size in (64, 784)}

RATED = {  # the set, and how its texts are called in the package
    "vader_movies": "movieReviewSnippets",
    "vader_products": "amazonReviewSnippets",
    "vader_editorials": "nytEditorialSnippets",
    "vader_tweets": "tweets",
}
HELD = {  # what the files of each set hold, in order
    "titles": [films()],
    "elements": [b"atomic number,symbol,name,mass\n1,H,Hydrogen,1.0\n2,He,Helium,4.0\n"],
    "compounds": [f"{COMPOUND}\n".encode(), f"{COMPOUND.replace('threamine', 'brine')}\r\n\n".encode()],
    "compounds_large": [f"{COMPOUND}\n".encode()],
    "king_james": [bible(VERSES)],
    **{name: [tar_of(ratings(kind))] for name, kind in RATED.items()},
    "messages_en_fr": [MESSAGES],
    "messages_en_de": [MESSAGES],
    "emoji_names": [emoji("face", "grin", "joy"), emoji("visage", "sourire"), emoji("Gesicht", "Grinsen")],
    "fashion_mnist": [*CLOTHES.values()],
    "mnist_5k": [PIXELS[784]],
    "digits": [PIXELS[64]],
    "seattle_weather": [
        b"date,precipitation,temp_max,temp_min,wind,weather\n2012/01/01,0.0,12.8,5.0,4.7,drizzle\n"
    ],
}
WRITTEN = {
    "titles": 'title\tyear\nEbb, the "Sea"\t1950\nTide\t1961\n',
    "elements": "number\tsymbol\tname\n1\tH\tHydrogen\n2\tHe\tHelium\n",
    "compounds": "name\tformula\tcas\nthreamine\tC3H9NO\t78-96-6\nbrine\tC3H9NO\t78-96-6\n",
    "compounds_large": "name\tformula\tcas\nthreamine\tC3H9NO\t78-96-6\n",
    "king_james": "".join(f"And it came to pass in verse {number};\n" for number in range(1, 9)),
    **{name: f'text\tlabel\n{kind} is “bad”.\t-2.5\na "good" one\t3.75\n' for name, kind in RATED.items()},
    "messages_en_fr": TRANSLATED,
    "messages_en_de": TRANSLATED,
    "emoji_names": "emoji\ten\tfr\tde\n😀\tface\tvisage\tGesicht\n😁\tgrin\tsourire\tGrinsen\n",
    "fashion_mnist": CLOTHES,
    "mnist_5k": "\n".join(
        [",".join(["label", *(f"pixel{n}" for n in range(784))]), f"7,{'0,' * 783}16", f"0{',1' * 784}", ""]
    ),
    "digits": "\n".join(
        [",".join(["label", *(f"pixel{n}" for n in range(64))]), f"7,{'0,' * 63}16", f"0{',1' * 64}", ""]
    ),
    "seattle_weather": (
        "date,precipitation,temp_max,temp_min,wind,weather\n2012-01-01,0.0,12.8,5.0,4.7,drizzle\n"
    ),
}
ROWS = {"king_james": 8, "fashion_mnist": 5}  # where it is not the lines below the header
