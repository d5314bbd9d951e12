"""Tasks whose rows are long: mails, speeches, chapters, manuals, licences, letters, logs, tables. Each has its own
usual length, 200 to 1,600 characters."""

import gzip
import html
import json
import random
import re
from email import policy
from email.parser import BytesParser
from pathlib import Path

from drawn import TICKETS
from read import licence_texts, tones
from sources import only

ROWS = 6000
ERAS = ((1829, "early"), (1861, "before the war"), (1901, "after the war"), (1946, "wars"), (1990, "cold war"), (3000, "recent"))
# By heading of a page: what its paragraph is there for.
HEADINGS = {"DESCRIPTION": "description", "RETURN VALUE": "return value", "ERRORS": "errors", "NOTES": "notes",
            "EXAMPLES": "example", "EXAMPLE": "example", "BUGS": "bugs", "CONFORMING TO": "standards", "STANDARDS": "standards",
            "FILES": "files", "VERSIONS": "versions", "SYNOPSIS": "synopsis"}
SECTIONS = {"1": "command", "2": "system call", "3": "library function", "4": "device", "5": "file format",
            "7": "overview", "8": "administration"}
SMALL_TALK = (
    "I hope this finds you well.", "I have been a customer for many years.", "The weather has been dreadful here lately.",
    "My neighbour told me about you.", "I tried to call twice but the line was busy.", "I am writing from my telephone, excuse the typing.",
    "We moved to a new flat last month.", "My daughter helped me with this message.", "I looked at your page for answers first.",
    "It is the first time that I write to you.", "I will be away from Thursday on.", "Your colleague was very friendly last time.",
    "Please answer by mail and not by telephone.", "I have attached a picture.", "I do not mind waiting a few days.",
    "This is not the first time that something like this happens.", "Everything else was fine.", "I know that you are busy.",
    "I read the terms twice and did not understand them.", "My address has not changed.",
)
SERVICES = "mail store search login billing cache queue proxy backup metrics".split()


def tasks(source: dict, shared: Path):
    yield ("mail_kind", "Is this mail wanted or spam?", mails(source["mails"]))
    yield ("speech_era", "From which period is this passage of a speech?", speeches(source["speeches"], lambda about: era(about["year"])))
    yield ("speech_party", "Of which party was the speaker?", speeches(source["speeches"], lambda about: about["party"]))
    yield ("book_passage", "From which book is this passage?", books(shared))
    yield ("manual_section", "What does this passage of a manual describe?", manuals(source, lambda section, _: SECTIONS.get(section)))
    yield ("manual_heading", "Under which heading of a manual page does this stand?", manuals(source, lambda _, heading: HEADINGS.get(heading)))
    yield ("pamphlet_chapter", "To which chapter does this passage belong?", pamphlet(source["pamphlet"]))
    yield ("licence_passage", "To which family of licences does this passage belong?", licence_passages(source["licences"]))
    yield ("letter_team", "Which team should answer this letter?", drawn("letter_team", letter))
    yield ("long_look_up", "What is the value of the key after the question mark?", drawn("long_look_up", look_up))
    yield ("log_culprit", "Which service failed?", drawn("log_culprit", log))
    yield ("reviews_balance", "Are most of these remarks positive or negative?", balance(source["vader"]))
    yield ("main_language", "In which language is most of this text?", mixed_languages(shared))


def passages(text: str, low: int, high: int, draw: random.Random):
    """Whole sentences one after another, until a length drawn for each passage is reached."""
    taken, wanted = "", draw.randrange(low, high)
    for sentence in re.split(r"(?<=[.?!;]) ", " ".join(text.split())):
        taken = f"{taken} {sentence}".strip()
        if len(taken) >= wanted:
            if len(taken) <= 1600:
                yield taken
            taken, wanted = "", draw.randrange(low, high)


def capped(rows, most: int, name: str):
    """At most so many rows of each answer."""
    by_answer = {}
    for given, answer in rows:
        by_answer.setdefault(answer, []).append(given)
    draw = random.Random(f"{name} 2026")
    for answer, givens in sorted(by_answer.items()):
        yield from ((given, answer) for given in draw.sample(givens, min(most, len(givens))))


def drawn(name: str, row):
    draw = random.Random(f"{name} rows 2026")
    return (row(draw) for _ in range(ROWS))


def body_of(file: Path) -> str:
    message = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
    subject = str(message["subject"] or "")
    body = message.get_body(preferencelist=("plain", "html"))
    text = body.get_content() if body is not None else ""
    if body is not None and body.get_content_type() == "text/html":
        text = html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(script|style).*?</\1>|<!--.*?-->", " ", text)))
    return f"Subject: {subject} / {' '.join(text.split())}"


def mails(folder: Path):
    draw = random.Random("mails 2026")
    for file in sorted((folder / "package/data").glob("*/*.txt")):
        try:
            text = body_of(file)
        except (LookupError, ValueError, AttributeError, TypeError):
            # Headers and encodings of real spam are often broken beyond what the parser of mails takes.
            continue
        text = "".join(sign for sign in text if sign.isprintable())
        if len(text) > 80:
            yield text[: draw.randrange(400, 1500)], "spam" if file.parent.name.startswith("spam") else "wanted"


def era(year: int) -> str:
    return next(name for end, name in ERAS if year < end)


def speeches(folder: Path, answer):
    draw = random.Random("speeches 2026")
    for file in sorted((folder / "package/data").glob("*.txt")):
        year, *_, party = file.stem.split("_")
        about = {"year": int(year), "party": {"d": "democratic", "r": "republican"}.get(party)}
        if answer(about):
            yield from ((passage, answer(about)) for passage in passages(file.read_text(encoding="utf-8"), 500, 1100, draw))


def books(shared: Path):
    draw = random.Random("books 2026")
    rows = []
    for line in (shared / "corpus/english_corpus.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        kind, _, title = row["source"].partition(": ")
        if kind == "standardebooks":
            rows += [(passage, title.removeprefix("The ").lower()) for passage in passages(row["text"], 250, 600, draw)]
    yield from capped(rows, 450, "books")


def manual_text(file: Path):
    """Heading and words of each part of a page in troff."""
    heading, words = "", []
    for line in gzip.open(file, "rt", encoding="utf-8", errors="replace").read().splitlines():
        if line.startswith(".SH"):
            yield heading, " ".join(words)
            heading, words = line[3:].strip().strip('"'), []
        elif line.startswith((".\\\"", "'\\\"", ".TH", ".ad", ".hy", ".nf", ".fi", ".in", ".EX", ".EE", ".PP", ".sp", ".so")):
            continue
        else:
            line = re.sub(r"^\.[A-Z]+ ?", "", line)
            words.append(re.sub(r"\\f[A-Z]|\\\(..|\\[&%/]|\\", "", line).replace('"', ""))
    yield heading, " ".join(words)


def manuals(source: dict, answer):
    draw = random.Random("manuals 2026")
    rows = []
    for name in ("manuals", "manuals_of_functions"):
        for file in sorted((source[name] / "usr/share/man").glob("man?/*.gz")):
            for heading, text in manual_text(file):
                wanted = answer(file.parent.name[3:], heading)
                if wanted:
                    rows += [(passage, wanted) for passage in passages(text, 200, 700, draw)]
    yield from capped(rows, 1400, "manuals")


def pamphlet(folder: Path):
    draw = random.Random("pamphlet 2026")
    rows = []
    for file in sorted(folder.rglob("sec[A-J]*.html")):
        raw = file.read_text(encoding="utf-8", errors="replace")
        text = html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(script|style|head).*?</\1>", " ", raw)))
        rows += [(passage, file.stem[3]) for passage in passages(text, 700, 1400, draw)]
    yield from capped(rows, 700, "pamphlet")


def licence_passages(folder: Path):
    draw = random.Random("licences 2026")
    for family, text in licence_texts(folder):
        yield from ((passage, family) for passage in passages(text, 500, 1400, draw))


def letter(draw):
    team = draw.choice(list(TICKETS))
    wish = draw.choice(TICKETS[team]).format(n=draw.randrange(10, 9999))
    said = draw.sample(SMALL_TALK, draw.randrange(5, 13))
    said.insert(draw.randrange(len(said) + 1), wish[0].upper() + wish[1:] + ".")
    return " ".join(said), team


def look_up(draw):
    count = draw.randrange(10, 40)
    keys = draw.sample([f"{first}{second}" for first in "abcdefghijklmnopqrstuvwxyz" for second in range(10)], count)
    values = {key: draw.choice("red blue green black white yellow brown grey".split()) for key in keys}
    wanted = draw.choice(keys)
    return ", ".join(f"{key} is {value}" for key, value in values.items()) + f" ? {wanted}", values[wanted]


def log(draw):
    culprit = draw.choice(SERVICES)
    said = ("started", "ready after {n} ms", "took {n} requests", "closed {n} connections", "wrote {n} entries", "reloaded its settings")
    failed = ("ended by signal 11", "could not bind port {n}", "gave up after {n} tries", "is out of memory", "lost its disk")
    count = draw.randrange(6, 20)
    lines = [(draw.choice(SERVICES), draw.choice(said)) for _ in range(count)]
    lines.insert(draw.randrange(count // 2, count + 1), (culprit, draw.choice(failed)))
    second, told = draw.randrange(3600), []
    for service, text in lines:
        second += draw.randrange(1, 90)
        told.append(f"{second // 60:02}:{second % 60:02} {service} {text.format(n=draw.randrange(2, 9000))}")
    return " | ".join(told), culprit


def balance(vader: Path):
    draw = random.Random("balance 2026")
    remarks = {"positive": [], "negative": []}
    for text, tone in tones(vader, "amazonReviewSnippets_GroundTruth.txt"):
        if len(text) <= 200:
            remarks[tone].append(text)
    for _ in range(ROWS):
        count = draw.choice((3, 5, 7))
        tone, other = draw.sample(list(remarks), 2)
        fewer = draw.randrange((count + 1) // 2)
        chosen = draw.sample(remarks[tone], count - fewer) + draw.sample(remarks[other], fewer)
        draw.shuffle(chosen)
        yield " / ".join(chosen), tone


def mixed_languages(shared: Path):
    sentences = {}
    for line in (shared / "tasks/language_id/train.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        sentences.setdefault(row["output"], []).append(row["input"])
    draw = random.Random("main language 2026")
    for _ in range(ROWS):
        main, *others = draw.sample(sorted(sentences), 3)
        chosen = draw.sample(sentences[main], draw.randrange(4, 7)) + [draw.choice(sentences[other]) for other in others[: draw.randrange(3)]]
        draw.shuffle(chosen)
        yield " ".join(chosen), main
