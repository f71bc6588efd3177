"""Look once more at what would leave an export, and say why it must not: the verifier, on the bytes as they came and would leave."""

from sluicegate.processors.masking.profile import Profile

from .engine.surrogates import Surrogates
from .verifier import Expected, Verifier


def second_look(
    media_type: str, raw: bytes, masked: bytes, profile: Profile, surrogates: Surrogates
) -> tuple[str, ...]:
    """Why these bytes must not leave, as codes in alphabetical order (`verifier.Reason`); empty when they may.

    Which rows are looked at slowly depends on the export's secret, so nobody outside knows it, and a replay looks at the same.
    """
    verifier = Verifier(Expected.of(profile), surrogates.proving)
    report = verifier.verify_document(media_type, raw, masked)
    return tuple(reason.value for reason in report.reasons)
