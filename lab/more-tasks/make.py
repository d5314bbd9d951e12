"""Makes tasks of families that the lab had none of, for the predictor to learn from.

    python3 lab/more-tasks/make.py [--out target] [--shared ../shared/data]

Writes OUT/more-tasks/TASK/train.jsonl and test.jsonl, rows of instruction, input and output, and OUT/long-tasks
likewise, whose rows are long. Every draw is seeded: the same sources give the same files. The families on which the
predictor is tested (exams, products, programming, tweets) lend no row.
"""

import argparse
import json
import random
import shutil
from pathlib import Path

import drawn
import long
import read
from sources import SOURCES, fetch

TRAIN_ROWS, TEST_ROWS = 6000, 1000


def short_tasks(source: dict, shared: Path):
    """Name, instruction and pairs of input and output."""
    yield from read.tasks(source, shared)
    yield from drawn.tasks(source["faker"])


def divided(name: str, pairs, longest: int):
    """Train and test rows: no input twice, none with two answers; a sixth is tested on, at most."""
    answers = {}
    for given, answer in pairs:
        given, answer = " ".join(given.split()), " ".join(str(answer).split())
        if given and answer and len(given) <= longest:
            answers.setdefault(given, set()).add(answer)
    rows = sorted((given, found.pop()) for given, found in answers.items() if len(found) == 1)
    random.Random(f"{name} 2026").shuffle(rows)
    tested = min(TEST_ROWS, len(rows) // 6)
    return rows[tested : tested + TRAIN_ROWS], rows[:tested]


def write(folder: Path, instruction: str, parts) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part, rows in zip(("train", "test"), parts):
        lines = [json.dumps({"instruction": instruction, "input": given, "output": answer}, ensure_ascii=False)
                 for given, answer in rows]
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--out", type=Path, default=root / "target")
    parser.add_argument("--shared", type=Path, default=root.parent / "shared/data")
    arguments = parser.parse_args()
    source = {name: fetch(name, arguments.out / "more-tasks-sources") for name in SOURCES}
    for folder, made, longest in (("more-tasks", short_tasks, 400), ("long-tasks", long.tasks, 1600)):
        for name, instruction, pairs in made(source, arguments.shared):
            train, test = divided(name, pairs, longest)
            write(arguments.out / folder / name, instruction, (train, test))
            answers = {answer for _, answer in train}
            print(f"{folder}/{name}: {len(train)} and {len(test)} rows, {len(answers)} answers")
        # The sentences of other languages that conditions of a sweep mix in.
        shutil.copytree(arguments.shared / "tasks/language_id", arguments.out / folder / "language_id", dirs_exist_ok=True)


if __name__ == "__main__":
    main()
