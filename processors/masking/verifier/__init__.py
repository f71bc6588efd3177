"""An independent look at what masking made, on the values that will leave; any objection keeps the batch back.

Shares the profile's words with the masking, and nothing else: no code, no rules, no lists of the engine. Shapes are RE2 expressions of its
own run over Arrow columns; known values are found by their letters and digits, whatever is between; surrogates are proved anew with the export's secret.

Two ways in: `Verifier.verify` for Arrow tables, `Verifier.verify_document` for JSON, a record a line, or text as they are serialised.

What the engine says it replaced (`Claim`) is not believed: all that is outside must be the same bytes before and after, every replacement a
form that the secret proves, and no replaced value may stand anywhere else.

Promises: in doubt, and when something here fails, the verdict is no. Reports hold codes, counts and places, never a value.

Does not see: a name nobody found that stands alone, an identifier without digits and without a form of its own, a place left beside one that
was masked. `residual` bounds what a slower look at a random sample finds, not what nobody finds.
"""

from .canaries import Canaries
from .claim import Claim
from .expected import Band, Expected, Holds
from .report import Objection, Reason, Report
from .residual import Residual
from .verify import Verifier

__all__ = [
    "Band",
    "Canaries",
    "Claim",
    "Expected",
    "Holds",
    "Objection",
    "Reason",
    "Report",
    "Residual",
    "Verifier",
]
