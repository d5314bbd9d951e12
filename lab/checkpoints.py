#!/usr/bin/env python3
"""The table of pretraining variants: what each can do before tuning, and what the reference fine-tunes made of it.

    lab/checkpoints.py --models FOLDER --data ../shared/data/tasks --foretune target/release/foretune

FOLDER has a folder a variant: a base model (`make_base --size small --variant NAME`). What `foretune collect
lab/sweeps/reference.toml --model` made from each stands in lab/reference/runs.jsonl.gz. Writes lab/checkpoints.csv, for
`foretune rank checkpoints`.
"""

import argparse
import collections
import csv
import json
import subprocess
import sys
from pathlib import Path

from describe import read

# Related tasks; the first of each group is asked for the few-shot indicator.
GROUPS = {
    "requests": ["snips_intent", "atis_intent", "clinc_domain"],
    "topics": ["ag_news_topic", "product_category", "stackoverflow_tag", "code_language", "trec_question_type"],
    "sentiment": ["cr_sentiment", "mpqa_polarity", "subjectivity"],
    "words": ["part_of_speech", "name_origin", "language_id", "bio_entity_type", "sms_spam"],
}
HERE = Path(__file__).resolve().parent


def indicators(arguments, variant):
    found = {}
    for group, tasks in GROUPS.items():
        folder = arguments.data / tasks[0]
        command = [arguments.foretune, "probe", folder / "train.jsonl", "--eval", folder / "test.jsonl", "--indicators"]
        command += ["--eval-rows", "300", "--model", arguments.models / variant, "--json"]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found["inv_ppl_causal"] = 1 / told["causal_perplexity"]
        found["inv_ppl_gaps"] = 1 / told["gap_perplexity"]
        # Strict answers are mostly wrong before tuning; which of the labels is likeliest can be asked of any model.
        for shots in told["few_shot"]:
            answer = shots["label_score"] if shots["label_score"] is not None else shots["p_gold"]
            found[f"{'kshot' if shots['shots'] else 'zero'}_{group}"] = answer
    return found


def tuned():
    """Score by base model and task."""
    scores = collections.defaultdict(dict)
    for run in read([HERE / "reference/runs.jsonl.gz"]):
        scores[run["base_model"]["name"]][run["dataset"]["source"]] = run["score"]
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("models", "data"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--foretune", default="target/release/foretune")
    arguments = parser.parse_args()
    rows = []
    for variant, scores in sorted(tuned().items()):
        if not (arguments.models / variant).exists():
            continue
        missing = [task for tasks in GROUPS.values() for task in tasks if task not in scores]
        if missing:
            print(f"{variant} is left out: no run of {', '.join(missing)}", file=sys.stderr)
            continue
        row = {"model": variant}
        for group, tasks in GROUPS.items():
            row[f"sft_{group}"] = sum(scores[task] for task in tasks) / len(tasks)
        row |= indicators(arguments, variant)
        rows.append({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})
        print(variant, {key: value for key, value in rows[-1].items() if key != "model"}, file=sys.stderr)
    # What no row of a task leaves room for (five solved ones before a long one) says nothing of any variant.
    unasked = {key for row in rows for key, value in row.items() if value is None}
    rows = [{key: value for key, value in row.items() if key not in unasked} for row in rows]
    if unasked:
        print(f"left out: {', '.join(sorted(unasked))}", file=sys.stderr)
    with open(HERE / "checkpoints.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
