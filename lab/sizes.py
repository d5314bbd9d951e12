"""The lab's three sizes as a table for `foretune scale`: every test row of the reference fine-tunes, right or wrong.

    python3 lab/sizes.py lab/reference/runs.jsonl.gz > target/sizes.csv
"""

import csv
import gzip
import json
import sys

# Thousand tokens that each base model was pretrained on (the cards in lab/base*).
TOKENS = {"base-small": 13_002, "base": 40_002, "base-large": 12_000}

table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["size", "params", "task", "value", "step", "item"])
for line in gzip.open(sys.argv[1], "rt"):
    run = json.loads(line)
    model = run["base_model"]
    for item, right in enumerate(run["items"] if model["name"] in TOKENS else ""):
        table.writerow([model["name"], model["parameters"], run["dataset"]["source"], right, TOKENS[model["name"]], item])
