"""`just lab-pictures`: what the lab's runs look like, from the records alone: pictures and tables of lab/README.md.

    describe.py RUNS.jsonl[.gz] ... --out FOLDER

Prints the tables; writes scores.svg (final scores by task) and features.svg (score against the ten features that go
with it most, by rank correlation over ordinary runs, read before any probe or at step 100).
"""

import argparse
import collections
import gzip
import json
import math
import pathlib
import statistics

INK, MARK = "#767676", "#3b7dd8"


def read(paths):
    runs = {}
    for path in paths:
        with (gzip.open(path, "rt") if path.suffix == ".gz" else open(path)) as lines:
            for line in lines:
                run = json.loads(line)
                runs[run["id"]] = run
    return list(runs.values())


def is_ordinary(run):
    return not run["diverged"] and not run["dataset"]["condition"].get("unstable")


def ranks(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    found, start = [0.0] * len(values), 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for index in order[start:end]:
            found[index] = (start + end - 1) / 2
        start = end
    return found


def correlation(a, b):
    if len(set(a)) < 2 or len(set(b)) < 2:
        return 0.0
    return statistics.correlation(ranks(a), ranks(b))


def features_of(run):
    """What is known at step 100: the file, the recipe, and the probe's reading there, under names that say which."""
    found = {name: value for name, value in run["features"].items() if isinstance(value, (int, float))}
    found["base_score"] = run["base_score"]
    for reading in run["readings"]:
        if reading["step"] == 100:
            found.update({f"{name} @100": value for name, value in reading["features"].items() if isinstance(value, (int, float))})
    return {name: value for name, value in found.items() if math.isfinite(value)}


def strongest(runs, count=10):
    table = [(features_of(run), run["score"]) for run in runs]
    names = collections.Counter(name for features, _ in table for name in features)
    found = []
    for name, present in names.items():
        if present >= 0.8 * len(table):
            pairs = [(features[name], score) for features, score in table if name in features]
            found.append((correlation(*map(list, zip(*pairs))), name, pairs))
    found.sort(key=lambda entry: -abs(entry[0]))
    return found[:count]


def text(x, y, words, size=10, anchor="start", more=""):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{INK}" {more}>{words}</text>'


def svg(width, height, parts, title):
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" role="img"><title>{title}</title>\n' + "\n".join(parts) + "\n</svg>\n"


def dots(places, more="stroke-linecap=\"round\" stroke-width=\"2.8\""):
    """One path for all: a file of thousands of circles is a heavy one."""
    path = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places)
    return f'<path d="{path}" stroke="{MARK}" stroke-opacity="0.5" {more}/>'


def scatter(x, y, name, correlation_, pairs, width=210, height=150):
    values = sorted(value for value, _ in pairs)
    low, high = values[len(values) // 100], values[-1 - len(values) // 100]
    log = low > 0 and high > 50 * low
    scale = (lambda value: math.log10(max(value, low))) if log else (lambda value: value)
    low_at, span = scale(low), (scale(high) - scale(low)) or 1.0
    parts = [text(x, y + 10, name, 10), text(x + width, y + 10, f"{correlation_:+.2f}", 10, "end")]
    parts.append(f'<rect x="{x}" y="{y + 16}" width="{width}" height="{height}" fill="none" stroke="{INK}" stroke-opacity="0.4"/>')
    places = ((x + min(max((scale(value) - low_at) / span, 0), 1) * width, y + 16 + (1 - score / 100) * height) for value, score in pairs)
    parts.append(dots(places))
    parts.append(text(x, y + height + 28, f"{low:.3g}", 9))
    parts.append(text(x + width, y + height + 28, f"{high:.3g}" + (" (log)" if log else ""), 9, "end"))
    return parts


def features_picture(found):
    parts = []
    for index, (correlation_, name, pairs) in enumerate(found):
        parts += scatter(10 + index % 5 * 230, 6 + index // 5 * 200, name, correlation_, pairs)
    return svg(1160, 410, parts, "Final score, 0 to 100, against the ten features that go with it most; rank correlation at the right")


def scores_picture(by_task):
    parts, height = [], 18
    for index, (task, scores) in enumerate(sorted(by_task.items(), key=lambda entry: statistics.median(entry[1]))):
        y = 24 + index * height
        parts.append(text(150, y + 4, task, 10, "end"))
        parts.append(dots(((160 + 6 * score, y) for score in scores), 'stroke-width="10" stroke-linecap="butt"').replace("h0", "h1"))
        parts.append(f'<circle cx="{160 + 6 * statistics.median(scores):.1f}" cy="{y}" r="3" fill="{MARK}"/>')
    bottom = 24 + len(by_task) * height
    parts += [text(160 + 6 * score, bottom + 6, str(score), 9, "middle") for score in range(0, 101, 20)]
    return svg(800, bottom + 14, parts, "Final scores of ordinary runs by task; the dot is the median")


def noise(runs):
    by_task = collections.defaultdict(list)
    repeats = collections.defaultdict(list)
    for run in runs:
        repeats[run["configuration"]].append(run)
    for group in repeats.values():
        if len(group) > 1:
            by_task[group[0]["dataset"]["source"]].append(statistics.variance(run["score"] for run in group))
    return {task: math.sqrt(statistics.mean(variances)) for task, variances in by_task.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    runs = read(arguments.runs)
    ordinary = [run for run in runs if is_ordinary(run)]
    by_task, conditions = collections.defaultdict(list), collections.Counter()
    for run in ordinary:
        by_task[run["dataset"]["source"]].append(run["score"])
    for run in runs:
        done = [name for name in run["dataset"]["condition"] if name not in ("rows", "unstable")]
        conditions.update(done or ["none"])
    rows = sorted(run["dataset"]["condition"]["rows"] for run in runs)
    diverged = sum(run["diverged"] for run in runs)
    print(f"{len(runs)} runs, {len(ordinary)} ordinary, {diverged} diverged; rows of the file: quartiles " + ", ".join(f"{rows[len(rows) * part // 4]:,.0f}" for part in (1, 2, 3)))
    floor = noise(ordinary)
    pooled = math.sqrt(statistics.mean(value**2 for value in floor.values()))
    print(f"seeds: median over tasks {statistics.median(floor.values()):.1f} points, root mean square {pooled:.1f}\n")
    print("| task | ordinary runs | median score | lowest to highest | seeds, points |\n|---|---|---|---|---|")
    for task, scores in sorted(by_task.items()):
        print(f"| {task} | {len(scores)} | {statistics.median(scores):.0f} | {min(scores):.0f} to {max(scores):.0f} | {f'{floor[task]:.1f}' if task in floor else ''} |")
    print("\n| what was done to the file | runs |\n|---|---|")
    for name, count in conditions.most_common():
        print(f"| {name.replace('_', ' ')} | {count} |")
    found = strongest(ordinary)
    print("\n| feature | rank correlation with the score |\n|---|---|")
    for correlation_, name, _ in found:
        print(f"| `{name}` | {correlation_:+.2f} |")
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "features.svg").write_text(features_picture(found))
    (arguments.out / "scores.svg").write_text(scores_picture(by_task))


if __name__ == "__main__":
    main()
