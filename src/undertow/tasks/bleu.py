"""BLEU of translations by sacrebleu, with its signature: tokens as mteval-v13a cuts them.

Source: Papineni et al. 2002; Post 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from undertow.errors import MissingExtraError


def check_sacrebleu() -> None:
    """Is it there?

    Raises:
        MissingExtraError: it is not.
    """
    if find_spec("sacrebleu") is None:
        raise MissingExtraError(
            'Translations are scored by sacrebleu, which is not installed: pip install "undertow[text]".'
        )


def bleu(said: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """cased and lower-cased, from 0 to 100, each with sacrebleu's signature."""
    from sacrebleu.metrics.bleu import BLEU

    found: dict[str, Any] = {}
    for name, lower in (("cased", False), ("lower_cased", True)):
        metric = BLEU(tokenize="13a", lowercase=lower)
        found[name] = float(metric.corpus_score(list(said), [list(references)]).score)
        found[f"{name}_signature"] = str(metric.get_signature())
    return found
