"""Clinical notes that nobody wrote: drawn, with a place of every identifier; dense (about 20 identifiers per KB) or sparse (7)."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from string import ascii_uppercase, digits
from typing import Final

_PROSE: Final = (
    "No acute distress, lungs clear to auscultation on both sides. ",
    "Denies chest pain, dyspnea or syncope; will continue to monitor. ",
    "Low sodium diet discussed; pain 4/10 at rest, grade 2/6 systolic murmur. ",
    "Continue metformin 500 mg twice daily and lisinopril 10 mg every morning. ",
    "Blood pressure 132/78, heart rate 76, saturation 97% on room air. ",
    "Imaging shows an L4-L5 disc bulge without stenosis, otherwise unremarkable. ",
    "History of Crohn's disease and chronic kidney disease, stage 3, stable. ",
    "CPT 99213, ICD-10 E11.9; potassium 4.1, creatinine 1.2, hemoglobin 13.4. ",
    "The plan was explained, questions were answered, and the patient agreed. ",
    "May resume a normal diet and light exercise as tolerated over the next weeks. ",
)
_FIRST: Final = [
    "Amara",
    "Luis",
    "Nadia",
    "Peter",
    "Ingrid",
    "Tomas",
    "Keisha",
    "Hannah",
    "Viktor",
    "Mei",
    "Rosa",
    "Daniel",
    "Priya",
    "Oskar",
    "Leila",
    "Joan",
]
_LAST: Final = [
    "Okafor",
    "Ramirez",
    "Petrov",
    "Lindqvist",
    "Nakamura",
    "Whitfield",
    "Kowalski",
    "Haddad",
    "Brennan",
    "Castellano",
    "Tran",
    "Osei",
]
_CITIES: Final = ["Springfield", "Dayton", "Tucson", "Boise", "Albany", "Fresno", "Toledo", "Mobile"]
_STREETS: Final = ("Maple Street", "Oak Hill Road", "Lincoln Avenue", "Quarry Lane", "Harbor Drive")
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(slots=True)
class Note:
    """A text and its identifiers as (start, end, label), offsets in code points."""

    text: str = ""
    spans: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, *parts: str | tuple[str, str]) -> None:
        """Plain text, and (label, identifier)."""
        for part in parts:
            if isinstance(part, tuple):
                label, value = part
                self.spans.append((len(self.text), len(self.text) + len(value), label))
                self.text += value
            else:
                self.text += part


def notes(count: int, *, prose: float, seed: int = 7) -> Iterator[Note]:
    """So many notes of about 750 bytes; `prose` is the share of sentences without an identifier (0.3 dense, 0.8 sparse)."""
    drawn = random.Random(seed)  # noqa: S311 (data for a measurement)
    writer = _Writer(drawn)
    for _ in range(count):
        note = Note()
        writer.head(note)
        while len(note.text) < 720:  # noqa: PLR2004 (bytes)
            if drawn.random() < prose:
                note.add(drawn.choice(_PROSE))
            else:
                drawn.choice(writer.sentences)(note)
        yield note


def people(count: int, *, seed: int = 7) -> Iterator[dict[str, str | int]]:
    """So many rows of a table of people, ten columns; most values are in one row only."""
    drawn = random.Random(seed)  # noqa: S311 (data for a measurement)
    writer = _Writer(drawn)
    for number in range(count):
        first, last = drawn.choice(_FIRST), drawn.choice(_LAST) + drawn.choice(("", "", "son", "-Lee"))
        yield {
            "patient_id": f"MR-{number:08}",
            "first_name": first,
            "last_name": last,
            "date_of_birth": writer.day(),
            "phone": writer.phone(),
            "email": f"{first}.{last}{number}@example.org".lower(),
            "street": f"{drawn.randrange(1, 9999)} {drawn.choice(_STREETS)}",
            "zip": f"{drawn.randrange(501, 99_950):05}",
            "plan": drawn.choice(("gold", "silver", "none")),
            "visits": drawn.randrange(40),
        }


class _Writer:
    def __init__(self, drawn: random.Random) -> None:
        self._drawn = drawn
        self.sentences: tuple[Callable[[Note], None], ...] = (
            self.doctor, self.home, self.contact, self.insurance, self.billing, self.crash, self.device,
            self.portal, self.photo, self.study, self.follow_up, self.security,
        )  # fmt: skip

    def head(self, note: Note) -> None:
        mark = self._drawn.choice(("MRN: ", "MRN ", "Medical Record Number: "))
        note.add("Patient: ", ("NAME", self._person()), "   ", mark, ("RECORD", self._digits(8)))
        note.add("\nDOB: ", ("DATE", self._date()), "  Admitted: ", ("DATE", self._date()), "\n")

    def doctor(self, note: Note) -> None:
        note.add("Attending: Dr. ", ("NAME", self._last()), ", NPI ", ("LICENSE", "1" + self._digits(9)))
        note.add(". Seen on ", ("DATE", self._date()), ". ")

    def home(self, note: Note) -> None:
        street = f"{self._drawn.randrange(1, 9999)} {self._drawn.choice(_STREETS)}"
        note.add("Lives at ", ("STREET", street), ", ", ("PLACE", self._drawn.choice(_CITIES)))
        note.add(", OH ", ("ZIP", self._digits(5)), ". ")

    def contact(self, note: Note) -> None:
        note.add("Call ", ("NAME", self._drawn.choice(_FIRST)), " (daughter) at ", ("PHONE", self.phone()))
        note.add(
            " or ", ("EMAIL", f"{self._drawn.choice(_FIRST).lower()}{self._digits(2)}@example.org"), ". "
        )

    def insurance(self, note: Note) -> None:
        mark = self._drawn.choice(("Member ID: ", "Policy # ", "Subscriber "))
        note.add(mark, ("PLAN", self._letters(3) + self._digits(8)), ", fax ", ("FAX", self.phone()), ". ")

    def billing(self, note: Note) -> None:
        note.add(
            "Account number ", ("ACCOUNT", self._digits(10)), ", card ", ("CARD", "4" + self._digits(15))
        )
        note.add(", driver license ", ("LICENSE", self._letters(1) + self._digits(7)), ". ")

    def crash(self, note: Note) -> None:
        note.add("Vehicle VIN ", ("VEHICLE", "1HGCM" + self._digits(12)))
        note.add(", plate ", ("VEHICLE", f"{self._letters(3)}-{self._digits(4)}"), ". ")

    def device(self, note: Note) -> None:
        note.add("Pacemaker serial no. ", ("DEVICE", f"{self._letters(3)}{self._digits(6)}H"), " checked on ")
        note.add(("DATE", self._date()), ". ")

    def portal(self, note: Note) -> None:
        address = ".".join(str(self._drawn.randrange(1, 255)) for _ in range(4))
        note.add(
            "Portal ",
            ("URL", f"https://portal.example.org/{self._digits(6)}"),
            " used from ",
            ("IP", address),
        )
        note.add(". ")

    def photo(self, note: Note) -> None:
        note.add("Wound photo ", ("PHOTO", f"IMG_{self._digits(4)}.jpg"), ", fingerprint template ")
        note.add(("BIOMETRIC", f"FP-{self._letters(2)}{self._digits(6)}"), ". ")

    def study(self, note: Note) -> None:
        note.add("Study subject ", ("NUMBER", f"{self._letters(2)}-{self._digits(5)}"), ", accession ")
        note.add(("RECORD", f"A{self._digits(2)}-{self._digits(6)}"), ". ")

    def follow_up(self, note: Note) -> None:
        note.add("Follow up on ", ("DATE", self._date()), " with Dr. ", ("NAME", self._last()), " in ")
        note.add(("PLACE", self._drawn.choice(_CITIES)), ". ")

    def security(self, note: Note) -> None:
        ssn = f"{self._digits(3)}-{self._digits(2)}-{self._digits(4)}"
        note.add("SSN ", ("SSN", ssn), " on file for ", ("NAME", self._person()), ". ")

    def _digits(self, count: int) -> str:
        return "".join(self._drawn.choices(digits, k=count))

    def _letters(self, count: int) -> str:
        return "".join(self._drawn.choices(ascii_uppercase, k=count))

    def _last(self) -> str:
        return self._drawn.choice(_LAST)

    def _person(self) -> str:
        first, last = self._drawn.choice(_FIRST), self._last()
        return self._drawn.choice((f"{first} {last}", f"{last}, {first}"))

    def phone(self) -> str:
        """A number in one of three spellings."""
        parts = (f"{self._drawn.randrange(200, 999)}", f"{self._drawn.randrange(200, 999)}", self._digits(4))
        return self._drawn.choice(("({}) {}-{}", "{}-{}-{}", "{}.{}.{}")).format(*parts)

    def day(self) -> str:
        """A day as databases write it."""
        draw = self._drawn.randrange
        return f"{draw(1938, 2025)}-{draw(1, 13):02}-{draw(1, 29):02}"

    def _date(self) -> str:
        day, month, year = (
            self._drawn.randrange(1, 29), self._drawn.randrange(11), self._drawn.randrange(1938, 2025)
        )  # fmt: skip
        name = _MONTHS[month]
        return self._drawn.choice(
            (f"{month + 1:02}/{day:02}/{year}", f"{year}-{month + 1:02}-{day:02}", f"{name} {day}, {year}",
             f"{day} {name[:3]} {year}", f"{name} {year}")
        )  # fmt: skip
