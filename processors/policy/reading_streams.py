"""Read the section `streams` of a policy file: what pipelines may send without an action, and how it is masked."""

import re

from .document import place_of
from .profiles import DEFAULT_PROFILE
from .section import Section, subject_of
from .standing_streams import Stream

MAX_STREAMS = 200
"""Streams of one file."""

_STREAM_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_PIPELINE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
"""As `fields.ExecutorName`: the pipeline is the `source` of its batches."""
_STREAM = ("id", "from", "mask")


def read_streams(file: Section, policy: str) -> tuple[Stream, ...]:
    """The standing streams of a policy file; of use only when there are no findings."""
    nodes = file.elements("streams")
    if file.get("streams") is not None and not nodes:
        file.problem(file.get("streams"), "`streams` names no stream; add one or remove the field")
    if len(nodes) > MAX_STREAMS:
        file.problem(file.get("streams"), f"more than {MAX_STREAMS} streams; split the policy")
    read = [
        _stream(Section(node, file.findings, subject_of("stream", "id", node), _STREAM), policy)
        for node in nodes
    ]
    seen: set[str] = set()
    for stream, node in zip(read, nodes, strict=True):
        if stream.id in seen and stream.id:
            file.findings.add(
                place_of(node), f"stream `{stream.id}`", "this id is taken; choose another or merge the two"
            )
        seen.add(stream.id)
    return tuple(read)


def _stream(section: Section, policy: str) -> Stream:
    name = section.name("id", _STREAM_ID, "crm-nightly") or ""
    return Stream(name, _pipelines(section), section.profile("mask") or DEFAULT_PROFILE, policy)


def _pipelines(section: Section) -> tuple[str, ...]:
    section.require("from", "[crm-pipeline]")
    found = section.texts("from")
    # INVARIANT: a stream that nobody may feed says nothing; one that anybody may feed must not be written by leaving this out.
    if section.get("from") is not None and not found:
        section.problem(section.get("from"), "`from` names no pipeline; name who may feed this stream")
    for pipeline, node in found:
        if not _PIPELINE.fullmatch(pipeline):
            section.problem(node, f"`{pipeline}` is no pipeline; it must have the form `{_PIPELINE.pattern}`")
    return tuple(pipeline for pipeline, _ in found)
