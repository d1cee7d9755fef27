"""Catalog: the sets there are."""

import difflib

from undertow.data.sets import (
    bible_kjv,
    bokeh_sampledata,
    chemicals,
    emojibase,
    fashion_mnist,
    pixels,
    util_linux,
    vader_sentiment,
    vega_datasets,
)
from undertow.data.sets.record import Set
from undertow.errors import SettingError

SETS = {
    each.name: each
    for each in (
        *bokeh_sampledata.SETS,
        *chemicals.SETS,
        *bible_kjv.SETS,
        *vader_sentiment.SETS,
        *util_linux.SETS,
        *emojibase.SETS,
        *fashion_mnist.SETS,
        *pixels.SETS,
        *vega_datasets.SETS,
    )
}


def find(name: str) -> Set:
    """The set of that name.

    Raises:
        SettingError: no such set; names the closest.
    """
    if name not in SETS:
        close = difflib.get_close_matches(name.lower().replace("-", "_"), SETS, n=1, cutoff=0.4)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise SettingError(f"There is no set {name!r}.{hint} Sets: {', '.join(SETS)}.")
    return SETS[name]
