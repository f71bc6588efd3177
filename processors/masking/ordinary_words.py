"""Words that are written with a capital and name no person: days, months, travel, money, places that many people live in.

Our own short list, until vocabularies take its place. A run of capitalised words is taken for a name unless all its words are
here; so a word that is also a frequent first or last name does not belong here.
"""

from typing import Final

_TIME: Final = """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
september october november december christmas easter thanksgiving ramadan spring summer autumn winter today tomorrow yesterday
am pm est pst cst mst edt pdt utc gmt"""
_COMMON: Final = """i a an the this that these those it its he she they we you your our my his her their there here and or but
not no yes if then so as at by for from in of on to with without is are was were be been am do does did have has had can could will
would should shall may might must please thank thanks hello hi hey dear sincerely regards best kind ok okay sure also just only all any
each every some none both other another new old first second third last next previous one two three four five six seven eight nine ten
what when where which who whom whose why how because since until while after before during between about above below under over again
let us me him them patient user customer client passenger agent member doctor nurse mother father error note notes total amount number
date time name reason summary details status type order request result booking booked reservation cancel cancelled cancellation change
changed update updated confirm confirmed confirmation refund flight flights ticket travel trip round way one-way business economy basic
class cabin baggage bags bag insurance payment card credit debit gift certificate visa mastercard american express gold silver regular
membership airport airlines airline air delta united departure arrival origin destination available delayed direct seat seats price
called seen spoke asked said told wants wanted needs needed transfer successful failed added paid balance account address phone email
see saw met ask tell call contact send sent give gave check review approved approve rejected reject pending open closed
high low medium normal critical urgent english spanish french german chinese true false null history exam plan assessment
coast couldn wouldn don didn doesn isn aren won wasn merci sorry unfortunately perfect great good sounds course however actually instead
assistance human proceed go ahead already id ids code option book find upgrade use using looking like want need know remember
mr mrs ms miss dr prof sir madam"""
_MONTHS: Final = "january february march april may june july august september october november december"
_NOUNS: Final = """brown black white green gray grey young long short king queen rose hall hill wood woods stone field rivers banks
cook baker smith mason carter price bell love grace hope faith joy mark bill will rob jack drew page day case lane park parks best
rich major chase frank guy art dean gene pat ray sue dawn april june august autumn summer"""
_PARTICLES: Final = "de da del della di dos la le van von der den bin ibn el al y e af"
_PLACES: Final = """usa us uk eu united states america kingdom canada mexico germany france spain italy china japan india
new york los angeles san francisco diego jose antonio las vegas seattle chicago boston denver dallas houston phoenix philadelphia
miami orlando atlanta detroit minneapolis newark laguardia washington dc portland nashville fort worth columbus
indianapolis north south east west london paris berlin tokyo texas california florida nevada arizona oregon ohio colorado illinois
massachusetts pennsylvania michigan minnesota tennessee city county"""

ORDINARY: Final = frozenset(f"{_TIME} {_COMMON}".split())
PLACES: Final = frozenset(_PLACES.split())
MONTHS: Final = tuple(_MONTHS.split())
NOUNS: Final = frozenset(_NOUNS.split())
"""Frequent names that are ordinary words too: in lower case they are taken for the word."""
PARTICLES: Final = frozenset(_PARTICLES.split())
