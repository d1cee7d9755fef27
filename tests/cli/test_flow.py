"""undertow flow RUN: what a trained network feels of its past, as a table, as JSON and as pictures."""

import json


def test_a_text_runs_flow(undertow, text_run):
    answer = undertow("flow", text_run, "--steps", 40)
    assert answer.status == 0, answer.err
    assert "What the last of 40 steps feels" in answer.out
    for word in ("horizon", "rate", "spectral radius", "largest Lyapunov exponent"):
        assert word in answer.out
    for name in ("horizon", "jacobian_recurrent_1", "bounds_recurrent_1"):
        assert (text_run / "figures" / f"{name}.png").stat().st_size > 5000


def test_a_names_runs_flow_as_json(undertow, names_run):
    answer = undertow("flow", names_run, "--json")
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)
    assert set(found) == {"run", "steps", "rows", "horizons", "jacobians", "spectra"}
    (walk,) = found["horizons"]
    assert len(walk["gain"]) == found["steps"]
    assert walk["gain"][0] > 0.5
    assert len(found["spectra"][0]["exponents"]) == 16


def test_wrong_words_are_refused(refused, text_run, tmp_path):
    assert "--steps must be at least 2, got 1" in refused("flow", text_run, "--steps", 1)
    assert "nothing" in refused("flow", tmp_path / "nothing")
    assert "Did you mean flow" in refused("flwo", text_run)
