"""Tasks from published word lists, dictionaries and texts."""

import json
import random
import re
import tarfile
import xml.etree.ElementTree as tree
from pathlib import Path

from sources import only

LEXNAMES = ["adjective", "adjective", "adverb", "top", "act", "animal", "artifact", "attribute", "body", "cognition",
            "communication", "event", "feeling", "food", "group", "location", "motive", "object", "person", "phenomenon",
            "plant", "possession", "process", "quantity", "relation", "shape", "state", "substance", "time", "verb body",
            "verb change", "verb cognition", "verb communication", "verb competition", "verb consumption", "verb contact",
            "verb creation", "verb emotion", "verb motion", "verb perception", "verb possession", "verb social",
            "verb stative", "verb weather", "adjective"]
CLASSES = {"noun": "noun", "verb": "verb", "adj": "adjective", "adv": "adverb"}


def synsets(wordnet: Path, part: str):
    """Words, kind, pointers (symbol, offset, part) and definition of each meaning."""
    for line in only(wordnet, f"data.{part}").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            continue
        facts, _, gloss = line.partition(" | ")
        facts = facts.split()
        count = int(facts[3], 16)
        words = [re.sub(r"\(.*\)", "", word).replace("_", " ") for word in facts[4 : 4 + 2 * count : 2]]
        rest = facts[4 + 2 * count :]
        pointers = [tuple(rest[i : i + 4]) for i in range(1, 1 + 4 * int(rest[0]), 4)]
        yield facts[0], words, LEXNAMES[int(facts[1])], pointers, gloss.strip()


def tasks(source: dict, shared: Path):
    wordnet = source["wordnet"]
    nouns = {place: (words, kind, pointers, gloss) for place, words, kind, pointers, gloss in synsets(wordnet, "noun")}
    yield ("defined_kind", "Say what kind of thing is defined.",
           ((gloss.split('; "')[0], kind) for _, kind, _, gloss in nouns.values() if kind not in ("top", "motive")))
    yield ("defined_class", "Is this the definition of a noun, a verb, an adjective or an adverb?", word_classes(wordnet))
    yield ("used_class", "What part of speech is the word before the colon in this sentence?", used_classes(wordnet))
    yield ("word_relation", "How are the two words related?", relations(wordnet))
    yield ("is_kind_of", "Is the first a kind of the second? Answer yes or no.", kinds_of(nouns))
    yield ("noun_or_name", "Does this word stand for a single thing with a name, or for a kind of thing?", named(nouns))

    sounds = pronunciations(source["pronunciation"])
    yield ("syllable_count", "How many syllables does the word have?",
           ((word, sum(sound[-1].isdigit() for sound in spoken)) for word, spoken in sounds.items()))
    yield ("stressed_syllable", "Which syllable carries the stress?", stressed(sounds))
    yield ("rhyme", "Do the two words rhyme? Answer yes or no.", rhymes(sounds))
    yield ("first_sound", "With which sound does the word begin?",
           ((word, spoken[0].rstrip("012").lower()) for word, spoken in sounds.items()))

    emoji = json.loads(only(source["emoji"], "data-by-emoji.json").read_text(encoding="utf-8"))
    yield ("emoji_group", "To which group does this emoji belong?",
           ((about["name"], about["group"].lower()) for about in emoji.values()))
    yield ("licence_family", "To which family of licences does this passage belong?", licences(source["licences"]))
    media = json.loads(only(source["media_types"], "db.json").read_text(encoding="utf-8"))
    yield ("media_kind", "What kind of content has this media subtype?",
           (tuple(reversed(name.split("/", 1))) for name in media))

    vader = source["vader"]
    yield ("editorial_tone", "Is the tone of this sentence positive or negative?",
           tones(vader, "nytEditorialSnippets_GroundTruth.txt"))
    yield ("gadget_tone", "Is this remark on a product positive or negative?",
           tones(vader, "amazonReviewSnippets_GroundTruth.txt"))
    yield ("word_tone", "Does this word sound positive or negative?", tone_words(vader))

    codes = diagnoses(source["diagnoses"])
    yield ("diagnosis_chapter", "To which chapter of the classification does this diagnosis belong?",
           ((text, chapter) for _, text, chapter in codes))
    yield ("diagnosis_side", "Which side of the body does this diagnosis name?", sides(codes))
    yield ("first_name_sex", "Is this a name of men, of women or of both?", first_names(source["first_names"]))
    yield ("agent_system", "Which operating system sent this?", agents(source["user_agents"], "os"))
    yield ("agent_browser", "Which browser sent this?", agents(source["user_agents"], "browser"))
    yield ("region_type", "What is this part of a country called there?", regions(source["regions"]))
    yield ("quotation_topic", "Under which heading does this quotation stand?", fortunes(source["fortunes"]))
    yield ("end_mark", "Which mark ends this sentence: period, question or exclamation?", end_marks(shared))
    yield ("next_sentence", "Does the second sentence follow the first in the text? Answer yes or no.", following(shared))


def word_classes(wordnet: Path):
    for part, name in CLASSES.items():
        for _, _, _, _, gloss in list(synsets(wordnet, part))[:12000]:
            yield gloss.split('; "')[0], name


def used_classes(wordnet: Path):
    for part, name in CLASSES.items():
        for _, words, _, _, gloss in synsets(wordnet, part):
            for example in re.findall(r'"([^"]+)"', gloss)[:1]:
                used = [word for word in words if re.search(rf"\b{re.escape(word)}\b", example)]
                if used:
                    yield f"{used[0]}: {example}", name


def relations(wordnet: Path):
    draw = random.Random("relations 2026")
    found, everything = [], []
    for part in CLASSES:
        meanings = {place: (words, pointers) for place, words, _, pointers, _ in synsets(wordnet, part)}
        for words, pointers in meanings.values():
            everything.append(words[0])
            if len(words) > 1:
                found.append((words[0], words[1], "same"))
            for symbol, place, _, which in pointers:
                if symbol == "!" and place in meanings:
                    first, second = int(which[:2], 16) - 1, int(which[2:], 16) - 1
                    found.append((words[first], meanings[place][0][second], "opposite"))
    same = [row for row in found if row[2] == "same"]
    rows = draw.sample(same, 8000) + [row for row in found if row[2] == "opposite"]
    rows += [(draw.choice(everything), draw.choice(everything), "none") for _ in range(5000)]
    return ((f"{first} / {second}", relation) for first, second, relation in rows)


def kinds_of(nouns: dict):
    draw = random.Random("kinds 2026")
    above = {place: [to for symbol, to, part, _ in about[2] if symbol == "@" and part == "n"]
             for place, about in nouns.items()}
    with_above = [place for place in above if above[place]]
    for place in draw.sample(with_above, 12000):
        parent = draw.choice(above[place])
        if draw.random() < 0.5:
            yield f"{nouns[place][0][0]} / {nouns[parent][0][0]}", "yes"
        else:
            other = above[draw.choice(with_above)][0]
            if other != parent:
                yield f"{nouns[place][0][0]} / {nouns[other][0][0]}", "no"


def named(nouns: dict):
    draw = random.Random("named 2026")
    for words, _, pointers, _ in draw.sample(list(nouns.values()), 20000):
        is_name = any(symbol == "@i" for symbol, *_ in pointers)
        yield words[0].lower(), "name" if is_name else "kind"


def pronunciations(folder: Path) -> dict:
    text = only(folder, "index.js").read_text(encoding="utf-8")
    words = re.findall(r'^\s*"?([a-z]+)"?: "([^"]+)"', text, re.M)
    return {word: spoken.split() for word, spoken in random.Random("sounds 2026").sample(words, 20000)}


def stressed(sounds: dict):
    names = ["first", "second", "third", "fourth"]
    for word, spoken in sounds.items():
        vowels = [sound for sound in spoken if sound[-1].isdigit()]
        place = [i for i, sound in enumerate(vowels) if sound.endswith("1")]
        if len(vowels) > 1 and place and place[0] < 4:
            yield word, names[place[0]]


def rhymes(sounds: dict):
    draw = random.Random("rhymes 2026")
    def ending(spoken):
        last = max(i for i, sound in enumerate(spoken) if sound[-1].isdigit())
        return " ".join(spoken[last:]).translate(str.maketrans("", "", "012"))
    groups = {}
    for word, spoken in sounds.items():
        if any(sound[-1].isdigit() for sound in spoken):
            groups.setdefault(ending(spoken), []).append(word)
    full = [group for group in groups.values() if len(group) > 1]
    for _ in range(8000):
        if draw.random() < 0.5:
            yield " / ".join(draw.sample(draw.choice(full), 2)), "yes"
        else:
            yield " / ".join(draw.choice(group) for group in draw.sample(list(groups.values()), 2)), "no"


def licence_texts(folder: Path):
    """Family and text of each licence."""
    families = {"GPL": "gpl", "LGPL": "lgpl", "AGPL": "agpl", "CC": "creative commons", "BSD": "bsd", "MIT": "mit",
                "Apache": "apache", "MPL": "mozilla", "EUPL": "european", "OLDAP": "openldap", "GFDL": "gfdl",
                "LPPL": "latex", "AFL": "academic", "OSL": "open software", "CECILL": "cecill", "Artistic": "artistic"}
    for file in sorted((folder / "package/licenses").glob("*.json")):
        family = families.get(file.stem.split("-")[0])
        if family:
            yield family, " ".join(json.loads(file.read_text(encoding="utf-8"))["licenseText"].split())


def licences(folder: Path):
    for family, text in licence_texts(folder):
        yield from ((sentence, family) for sentence in re.split(r"(?<=[.;:]) ", text) if 40 <= len(sentence) <= 320)


def tones(vader: Path, name: str):
    return rated(packed_text(vader, name), 1, 2, 0.5)


def packed_text(vader: Path, name: str) -> str:
    with tarfile.open(only(vader, "hutto_ICWSM_2014.tar.gz")) as archive:
        member = next(member for member in archive.getmembers() if member.name.endswith("/" + name))
        return archive.extractfile(member).read().decode("utf-8", errors="replace")


def tone_words(vader: Path):
    text = only(vader, "vader_lexicon.txt").read_text(encoding="utf-8")
    return rated(text, 1, 0, 0.0)


def rated(text: str, rating: int, told: int, least: float):
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) > max(rating, told) and abs(float(parts[rating])) > least:
            yield parts[told], "positive" if float(parts[rating]) > 0 else "negative"


CHAPTERS = ["infections", "neoplasms", "blood", "hormones", "mind", "nerves", "eyes", "ears", "circulation", "breathing",
            "digestion", "skin", "muscles and bones", "kidneys", "pregnancy", "newborn", "malformations", "symptoms",
            "injuries", "external causes", "contact with health services", "special"]


def diagnoses(folder: Path) -> list:
    file = sorted(folder.rglob("icd10c*.xml"))[0]
    found = []
    for chapter in tree.parse(file).getroot().iter("chapter"):
        number = int(chapter.findtext("name"))
        for code in chapter.iter("diag"):
            found.append((code.findtext("name"), code.findtext("desc"), CHAPTERS[number - 1]))
    return found


def sides(codes: list):
    """The code's last place says the side where there is one; the words alone decide here."""
    for _, text, _ in codes:
        sides = [side for side in ("right", "left", "bilateral", "unspecified") if re.search(rf"\b{side}\b", text)]
        if len(sides) == 1:
            yield text, sides[0]
        elif not sides and random.Random(text).random() < 0.2:
            yield text, "none"


def first_names(folder: Path):
    kinds = {"M": "men", "F": "women", "?": "both"}
    for line in only(folder, "nam_dict.txt").read_text(encoding="utf-8").splitlines():
        if line[:1] in kinds and line[1:3] in ("  ", " \t"):
            yield line[3:29].strip().replace("+", " "), kinds[line[0]]


def agents(folder: Path, key: str):
    for line in only(folder, "browsers.jsonl").read_text(encoding="utf-8").splitlines():
        about = json.loads(line)
        yield about["useragent"], about[key].lower()


def regions(folder: Path):
    listed = json.loads(only(folder, "iso3166-2.json").read_text(encoding="utf-8"))["3166-2"]
    counts = {}
    for region in listed:
        counts[region["type"]] = counts.get(region["type"], 0) + 1
    yield from ((region["name"], region["type"].lower()) for region in listed if counts[region["type"]] >= 40)


def fortunes(folder: Path):
    for file in sorted((folder / "usr/share/games/fortunes").glob("*.u8")):
        items = [" ".join(item.split()) for item in file.read_text(encoding="utf-8").split("\n%\n")]
        items = [item for item in items if 20 <= len(item) <= 400]
        if len(items) >= 150 and file.stem not in ("computers", "linux", "linuxcookie", "perl", "debian", "translate-me"):
            yield from ((item, file.stem.replace("-", " ")) for item in items)


def sentences_of(shared: Path) -> list:
    """Lists of sentences that follow each other."""
    texts = [json.loads(line)["text"] for line in (shared / "corpus/english_corpus.jsonl").open(encoding="utf-8")]
    return [re.findall(r"[A-Z][^.?!]{20,160}[.?!]", " ".join(text.split())) for text in texts]


def end_marks(shared: Path):
    names = {".": "period", "?": "question", "!": "exclamation"}
    found = {name: [] for name in names.values()}
    for sentences in sentences_of(shared):
        for sentence in sentences:
            found[names[sentence[-1]]].append(sentence[:-1])
    draw = random.Random("marks 2026")
    for name, sentences in found.items():
        yield from ((sentence, name) for sentence in draw.sample(sentences, min(3500, len(sentences))))


def following(shared: Path):
    draw = random.Random("following 2026")
    texts = [sentences for sentences in sentences_of(shared) if len(sentences) > 3]
    for _ in range(8000):
        sentences = draw.choice(texts)
        place = draw.randrange(len(sentences) - 1)
        follows = draw.random() < 0.5
        second = sentences[place + 1] if follows else draw.choice(draw.choice(texts))
        yield f"{sentences[place]} / {second}", "yes" if follows else "no"
