"""Labels that the test part lacks, as they are shown."""

import numpy as np

from undertow.cli.show_classes import show_classes
from undertow.report.class_sections import class_sections
from undertow.tasks.class_scores import record


def test_the_recall_of_a_class_that_is_not_there_is_a_dash(capsys):
    own = record(np.eye(3)[[0, 2, 0]], np.array([0, 0, 0]))
    score = {"classes": ["a", "nowhere", "said"], "test": own}
    show_classes(score)
    [nowhere] = [line for line in capsys.readouterr().out.splitlines() if "nowhere" in line]
    assert nowhere.count("–") == 3
    assert str(class_sections(score, {})).count("<td>–</td>") == 4
