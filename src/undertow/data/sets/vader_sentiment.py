"""vaderSentiment: short texts, each with the mean rating of twenty people or more, -4 (worst) to 4 (best).

The wheel leaves them out; they lie in an archive within the source package. Source: Hutto & Gilbert 2014.
"""

import math
from collections.abc import Iterator
from functools import partial

from undertow.data.sets.forms import Table
from undertow.data.sets.record import Set
from undertow.data.sets.source_package import SourcePackage
from undertow.data.sets.unpack import file_of

ARCHIVE = "additional_resources/hutto_ICWSM_2014.tar.gz"


def ratings(kind: str, archive: bytes) -> Iterator[tuple[str, str]]:
    """Text and rating."""
    text = file_of(archive, f"hutto_ICWSM_2014/{kind}_GroundTruth.txt").decode("cp1252")
    for line in text.splitlines():
        if line.strip():
            _, rating, said = line.split("\t", 2)
            if not math.isfinite(float(rating)):
                raise ValueError(f"a rating is {rating}")
            yield said, rating


def _row(name: str, about: str, rows: int, kind: str) -> Set:
    return Set(
        name=name,
        about=about,
        suits="classify",
        options="--levels 6",
        rows=rows,
        licence="MIT",
        place=SourcePackage("vaderSentiment"),
        files=(ARCHIVE,),
        form=Table(("text", "label")),
        read=partial(ratings, kind),
    )


SETS = (
    _row("vader_movies", "snippets of film reviews, rated", 10_605, "movieReviewSnippets"),
    _row("vader_products", "snippets of product reviews, rated", 3_708, "amazonReviewSnippets"),
    _row("vader_editorials", "snippets of editorials, rated", 5_190, "nytEditorialSnippets"),
    _row("vader_tweets", "tweets, rated", 4_200, "tweets"),
)
