"""What the recipes over characters share: their network, what they know, why this character next."""

from __future__ import annotations

from typing import Any

from undertow.data.vocabulary import Vocabulary
from undertow.errors import SettingError
from undertow.tasks.explaining import Explanation, Question, explain
from undertow.tasks.network import Network, build_network, describe_cell
from undertow.training.loop import Judged
from undertow.wiring.next_token import NextToken

BY_CHARACTER = ("embedding.weight", "readout.weight", "readout.bias")
MARK = ""  # the end mark, among characters


def nats_a_character(value: float) -> Judged:
    """What a look at the validation part says."""
    return Judged(value, {"nats_per_char": value})


class OverCharacters:
    """A network that says the next character."""

    unit = "character"

    def build(self, options: Network, vocabulary: Vocabulary) -> NextToken:
        """A fresh network."""
        return build_network(options, vocabulary.size)

    def known(self, record: dict[str, Any]) -> Vocabulary:
        """The characters."""
        return Vocabulary.from_json(record)

    def describe(self, options: Network) -> dict[str, Any]:
        """The cell, for config.json."""
        return describe_cell(options)

    def rows(self, vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
        """Embedding and readout have a row a character."""
        names = ((MARK,) if vocabulary.end else ()) + vocabulary.characters
        return dict.fromkeys(BY_CHARACTER, names)

    def explain(self, model: NextToken, vocabulary: Vocabulary, asked: Question, options: Any) -> Explanation:
        """Why this character next?

        Raises:
            SettingError: a label is asked for.
        """
        if asked.label is not None:
            raise SettingError("This run tells characters, not labels: ask for one with --next.")
        return explain(model, vocabulary, asked.text, asked.next, asked.method or "integrated")
