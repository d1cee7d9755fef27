"""Does a run that is killed at any moment, then resumed, end with the weights of an undisturbed run?

Each trial starts `undertow train`, sends SIGKILL at a random moment after its folder appears, resumes it, and
compares the last and the best weights bit by bit. Half of the trials are killed a second time, while resuming.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _record import keep

OPTIONS = ["--data", "elements", "--hidden", "96", "--layers", "2", "--steps", "1500", "--checkpoint-seconds", "0.3",
           "--average", "0.99", "--augment", "noise", "--patience", "0", "--quiet"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = Path(folder) / "undisturbed"
        began = time.monotonic()
        start("train", "names", *OPTIONS, "--out", str(undisturbed)).wait()
        seconds = time.monotonic() - began
        wanted = weights(undisturbed)
        rows = []
        for number in range(given.trials):
            rows.append(trial(Path(folder) / f"run-{number}", seconds, wanted, chance, twice=number % 2 == 1))
    same = sum(row["same"] for row in rows)
    print(f"{same} of {len(rows)} end with the same weights, bit for bit")
    keep(__doc__.splitlines()[0], rows, same=same, undisturbed_seconds=seconds, seed=given.seed)
    sys.exit(0 if same == len(rows) else 1)


def trial(
    run: Path, seconds: float, wanted: dict[str, str], chance: random.Random, *, twice: bool
) -> dict[str, object]:
    process = start("train", "names", *OPTIONS, "--out", str(run))
    while not (run / "config.json").exists():
        time.sleep(0.005)
    kills = [kill(process, chance.uniform(0, 0.8 * seconds), run)]
    if twice:
        kills.append(kill(start("resume", str(run), "--quiet"), chance.uniform(0, 0.6 * seconds), run))
    status = start("resume", str(run), "--quiet").wait()
    same = status == 0 and weights(run) == wanted and (run / "report.html").exists()
    row = {"kills": kills, "status": status, "same": same}
    print(row, file=sys.stderr)
    return row


def kill(process: subprocess.Popen[bytes], after: float, run: Path) -> dict[str, object]:
    time.sleep(after)
    alive = process.poll() is None
    process.kill()
    process.wait()
    last = (run / "last").read_text().strip() if (run / "last").exists() else None
    return {"after_seconds": round(after, 2), "alive": alive, "last_checkpoint": last}


def weights(run: Path) -> dict[str, str]:
    """Hashes of the last and the best weights."""
    found = {}
    for pointer in ("last", "best"):
        step = (run / pointer).read_text().strip()
        data = (run / "checkpoints" / f"{step}.safetensors").read_bytes()
        found[pointer] = f"{step} {hashlib.sha256(data).hexdigest()}"
    return found


def start(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "undertow", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
