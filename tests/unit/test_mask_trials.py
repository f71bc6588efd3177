"""`mask score` and `mask explain`: the figures are the scorer's, and what is shown is what happens."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.processors.masking.engine.scoring import GoldText, Score
from sluicegate.streams.cli import app
from sluicegate.streams.masking_engine import load_scanner

RUNNER = CliRunner()


def test_a_span_is_caught_only_when_every_letter_of_it_is_masked() -> None:
    """Punctuation may stay, one letter may not; what else was taken is counted."""
    counted = Score()
    counted.add(GoldText("Ann Lee was here", ((0, 7, "NAME"),)), [(0, 3), (4, 7)])
    counted.add(GoldText("Ann Lee was here", ((0, 7, "NAME"),)), [(0, 6), (12, 16)])
    counted.add(GoldText("nobody", ()), [])

    told = counted.to_json()

    assert (told["spans"], told["recall"], told["recall_any"]) == (2, 0.5, 1.0)
    assert told["precision"] == 0.75
    assert told["over"] == round(4 / (7 + 7 + 6), 4)
    assert told["clean_touched"] == 0
    assert told["per_label"] == {"NAME": 0.5}


def test_the_score_counts_characters_not_bytes(tmp_path: Path) -> None:
    """Offsets after letters outside ASCII still meet."""
    gold = tmp_path / "gold.jsonl"
    text = "Grüße, größer \u2013 MRN: 44821-7 ist da"
    start = text.index("44821")
    gold.write_text(json.dumps({"text": text, "spans": [[start, start + 7, "ID"]]}) + "\n", "utf-8")

    done = RUNNER.invoke(app, ["mask", "score", str(gold), "--rules-only", "--json"], catch_exceptions=False)
    told = json.loads(done.stdout)

    assert told["recall"] == 1
    assert told["over"] == 0
    assert told["mb_per_s"] > 0


@pytest.mark.parametrize(
    "line",
    [
        '{"spans": "secret"}',
        '{"text": 7, "spans": []}',
        '{"text": "secret", "spans": [[0, 7, "NAME"]]}',
        '{"text": "secret", "spans": [[3, 3, "NAME"]]}',
    ],
)
def test_a_line_that_is_no_labelled_text_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    """The message says which line, and holds nothing of it; a span with nothing in it would count as found."""
    gold = tmp_path / "gold.jsonl"
    gold.write_text(f'{{"text": "a", "spans": []}}\n{line}\n', "utf-8")

    done = RUNNER.invoke(app, ["mask", "score", str(gold), "--rules-only"])

    assert done.exit_code == 2
    assert "line 2" in done.stderr
    assert "secret" not in done.stderr


def test_a_file_without_a_text_has_no_score(tmp_path: Path) -> None:
    """Zeros would look like figures."""
    gold = tmp_path / "gold.jsonl"
    gold.touch()

    done = RUNNER.invoke(app, ["mask", "score", str(gold), "--rules-only"])

    assert done.exit_code == 2
    assert "holds no labelled text" in done.stderr


def test_explain_shows_every_span_and_what_becomes_of_it() -> None:
    """Type, stage, operator and output; offsets count characters."""
    text = "für 93 y/o, MRN: 448217"
    done = RUNNER.invoke(app, ["mask", "explain", text, "--rules-only", "--json"], catch_exceptions=False)
    told = json.loads(done.stdout)

    assert told["masked"] == "für <age:90+>, MRN: <record>"
    assert [(text[one["start"] : one["end"]], one["type"], one["stage"]) for one in told["spans"]] == [
        ("93 y/o", "age", "rules"),
        ("448217", "record", "rules"),
    ]
    assert [one["operator"] for one in told["spans"]] == ["age-class", "tag"]


def test_an_unknown_profile_is_refused() -> None:
    """Neither built in nor a file: usage, not a guess."""
    done = RUNNER.invoke(app, ["mask", "explain", "x", "--profile", "none-such", "--rules-only"])

    assert done.exit_code == 2
    assert "none-such" in done.stderr


def test_compiled_rules_are_kept_and_a_torn_file_is_compiled_again(tmp_path: Path) -> None:
    """The second start loads what the first wrote; a cut file is no obstacle."""
    first = load_scanner(tmp_path)
    (kept,) = tmp_path.iterdir()
    text = b"MRN: 448217\x1e"

    assert [part.tolist() for part in load_scanner(tmp_path).matches(text)] == [
        part.tolist() for part in first.matches(text)
    ]
    whole = kept.read_bytes()
    kept.write_bytes(whole[:1000])
    assert [part.tolist() for part in load_scanner(tmp_path).matches(text)] == [
        part.tolist() for part in first.matches(text)
    ]
    assert kept.stat().st_size == len(whole)


@pytest.mark.parametrize("ner", ["all", "gated"])
def test_a_classifier_that_is_not_there_is_refused(
    ner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told a score of something else than they asked for."""
    gold = tmp_path / "gold.jsonl"
    gold.write_text("", "utf-8")

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("sluicegate.streams.ner.model.import_module", missing)

    assert RUNNER.invoke(app, ["mask", "score", str(gold), "--rules-only", "--ner", ner]).exit_code == 2
