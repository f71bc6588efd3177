"""Mask files: any size, batch by batch, and nothing leaves that did not pass the check.

Promises: the target appears only when every batch of it passed the check and the report lies beside it; until then there is a file of
another name, readable by its owner alone, which an error removes. Records keep number and order, and what is not replaced keeps its
bytes. Memory does not grow with the file. Errors and reports hold no value.

Refuses what it cannot read for certain (not UTF-8, ragged rows, a record of more than `LONGEST` bytes, JSON that strict JSON refuses,
a header that looks like data) instead of guessing.

Where things are: `formats` says which file is what; `json_lines`, `delimited`, `plain_text`, `bundles` and `parquet` read, mask and say
what to check; `checking` looks at each batch with other eyes; `masking` puts it together; `report` and
`described` say what was done, `foreseen` and `schemas` what would be.
"""

from .formats import FileFormat, named_format
from .masking import mask_file
from .report import Report

__all__ = ["FileFormat", "Report", "mask_file", "named_format"]
