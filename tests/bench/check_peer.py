"""What a user would do today in Python: the same counts with pandas and scikit-learn.

Reads an alpaca-shaped JSON array and prints one JSON line. Near duplicates by TF-IDF cosine are
quadratic, so they are computed on the first 5,000 rows only, as such scripts do in practice.
"""

import collections
import json
import re
import sys

import numpy
import pandas
from sklearn.feature_extraction.text import TfidfVectorizer

NEAR_DUPLICATE_ROWS = 5_000


def main(path):
    rows = pandas.DataFrame(json.load(open(path, encoding="utf-8")))
    prompt = rows["instruction"].str.cat(rows["input"].fillna(""), sep="\n")
    answer = rows["output"].fillna("")
    words_in = prompt.str.count(r"\w+")
    words_out = answer.str.count(r"\w+")
    trigrams_repeated = answer.map(repeated_trigram_share)
    vocabulary = collections.Counter()
    for text in prompt:
        vocabulary.update(re.findall(r"\w+", text.lower()))
    for text in answer:
        vocabulary.update(re.findall(r"\w+", text.lower()))
    special = answer.str.count(r"[^\w\s]") / answer.str.len().clip(lower=1)
    head = (prompt + " " + answer).head(NEAR_DUPLICATE_ROWS)
    vectors = TfidfVectorizer(max_features=1000).fit_transform(head)
    similar = (vectors @ vectors.T) > 0.8
    near = int((numpy.asarray(similar.sum(axis=1)).ravel() > 1).sum())
    print(json.dumps({
        "rows": len(rows),
        "empty_answers": int((answer.str.strip() == "").sum()),
        "exact_duplicates": int(rows.duplicated().sum()),
        "conflicting_prompts": int((rows.assign(p=prompt, a=answer).groupby("p")["a"].nunique() > 1).sum()),
        "words_in_mean": float(words_in.mean()), "words_in_p95": float(words_in.quantile(0.95)),
        "words_out_mean": float(words_out.mean()), "words_out_p95": float(words_out.quantile(0.95)),
        "repeated_trigrams": float(trigrams_repeated.mean()),
        "vocabulary": len(vocabulary), "special_characters": float(special.mean()),
        "near_duplicate_rows_of_first_5000": near,
    }))


def repeated_trigram_share(text):
    words = text.lower().split()
    trigrams = collections.Counter(zip(words, words[1:], words[2:]))
    return sum(count > 1 for count in trigrams.values()) / len(trigrams) if trigrams else 0.0


if __name__ == "__main__":
    main(sys.argv[1])
