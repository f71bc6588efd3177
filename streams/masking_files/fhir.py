"""What FHIR R4 itself says about its elements, in front of a profile."""

from dataclasses import replace
from functools import cache
from importlib import resources

from sluicegate.processors.masking.profile import Column, Profile, load_profile

_FILE = "fhir-r4.yaml"


def with_fhir_fields(profile: Profile) -> Profile:
    """The profile, with FHIR's elements known; what the profile says of the same path counts more."""
    return replace(profile, columns=(*_fhir_columns(), *profile.columns))


@cache
def _fhir_columns() -> tuple[tuple[str, Column], ...]:
    text = resources.files("sluicegate.processors.masking").joinpath(_FILE).read_text(encoding="utf-8")
    return load_profile(text, source=_FILE).columns
