"""Our own words: titles, what ends the name of a hospital or of a street, what makes a name before it a disease, and such."""

from typing import Final

from sluicegate.processors.masking.engine.lexicon import Word

_TITLES: Final = "mr mrs ms miss mx mister madam dr drs doctor prof professor sir nurse rev reverend father fr sister judge capt captain sgt sergeant lt lieutenant col colonel pastor rabbi señor señora sr sra herr frau mme mlle"
_SUFFIXES: Final = "jr sr ii iii iv md phd do rn np pa esq dds pharmd mph mba msn fnp facp dvm cpa edd psyd dpt aprn lpn crnp ma"
_ORGANISATIONS: Final = "hospital hospitals hosp clinic clinics center centre centers ctr health healthcare institute university college hospice infirmary pharmacy laboratories labs school academy foundation medicine church general presbyterian methodist baptist adventist lutheran campus hospitaal"
_INSTITUTIONS: Final = "med care home office facility manor sanatorium medical laboratory rehabilitation rehab hospitalists nursing memorial system network group associates practice ward unit department inc llc corp ltd gmbh"
_MONTHS: Final = "january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thurs fri sat sun"
_EPONYM_TAILS: Final = "disease diseases syndrome syndromes sign signs score scores scale scales test tests reflex reflexes criteria criterion classification anomaly palsy paralysis lymphoma tumor tumour sarcoma carcinoma cancer ataxia chorea phenomenon fracture fractures contracture hernia catheter ulcer node nodes nodule nodules procedure maneuver manoeuvre operation repair stage staging grade grading triad line lines point body bodies cell cells virus fever dystrophy atrophy neuropathy encephalopathy thyroiditis arteritis purpura dementia esophagus oesophagus deformity duct gland index equation formula stain bacillus law position block murmur tremor rigidity edema vasculitis granulomatosis nephropathy retraction method technique approach pouch tube drain ring rings loop spots lesion lesions malformation agglutinin patch patches tics delta wave waves interval respiration breathing inventory questionnaire exam examination protocol regimen device prosthesis valve graft shunt"
_SCALES: Final = "score scores scale index inventory questionnaire criteria classification scoring study"
_STREETS: Final = "street st avenue ave road rd lane ln drive dr court ct boulevard blvd way place pl square sq terrace ter circle cir highway hwy parkway pkwy trail trl loop plaza crescent close row walk route strasse straße rue via calle avenida rua crossing heights"
_STREETS_SURELY: Final = (
    "street avenue ave road rd lane ln boulevard blvd drive highway hwy parkway strasse straße"
)
_PARTICLES: Final = (
    "de la las los del della van von der den bin ibn al el di da dos du le ter den das dei nad pod pri"
)
_LINKS: Final = f"{_PARTICLES} ten zu of the and for at in st saint san santa"
_OPENERS: Final = (
    "north south east west new old upper lower great grand port lake cape glen san santa el los las"
)
_CUES: Final = "named name called patient pt attending provider physician pcp attn contact surgeon oncologist cardiologist neurologist signed re"
_NO_NAMES_IN_CAPITALS: Final = "english french german spanish american european asian african caucasian hispanic latino latina chinese japanese indian italian russian jewish muslim christian catholic greek dutch british irish polish mexican arab black white native western eastern northern southern internet english god fda cdc who nih medicare medicaid ada aha acc asco nccn uspstf"
_CODE_SYSTEMS: Final = "cpt loinc icd snomed rxnorm ndc hcpcs drg doi pmid pmcid rxcui hpo omim orpha"

VOCABULARY: Final = (
    (_TITLES, Word.TITLE | Word.COMMON | Word.VERY_COMMON),
    (_SUFFIXES, Word.SUFFIX),
    (_ORGANISATIONS, Word.ORGANISATION | Word.INSTITUTION | Word.COMMON | Word.VERY_COMMON),
    (_INSTITUTIONS, Word.INSTITUTION | Word.COMMON | Word.VERY_COMMON),
    (_MONTHS, Word.MONTH | Word.COMMON | Word.VERY_COMMON),
    (_EPONYM_TAILS, Word.EPONYM_TAIL | Word.COMMON | Word.VERY_COMMON),
    (_SCALES, Word.SCALE),
    ("negative positive absent normal equivocal", Word.FINDING),
    (_STREETS, Word.STREET),
    (_STREETS_SURELY, Word.STREET_SURELY),
    (_LINKS, Word.LINK | Word.COMMON | Word.VERY_COMMON),
    (_PARTICLES, Word.PARTICLE),
    (_CUES, Word.CUE | Word.COMMON | Word.VERY_COMMON),
    ("at in from to near", Word.WHERE),
    ("at", Word.AT),
    ("of", Word.OF),
    ("health medicine center care", Word.CARE),
    ("st saint ste mt mount ft fort", Word.SAINT),
    ("s", Word.POSSESSIVE),
    (_NO_NAMES_IN_CAPITALS, Word.NO_NAME_IN_CAPITALS | Word.COMMON | Word.VERY_COMMON),
    ("republic kingdom commonwealth state province county city town village district", Word.REALM),
    ("and", Word.AND),
    (_CODE_SYSTEMS, Word.CODE_SYSTEM),
    ("and for at in", Word.JOINER),
    ("a i", Word.ARTICLE),
    (_OPENERS, Word.OPENER),
)
"""Words and what they are, whatever the packages say of them."""

STATES_BY_SHORT_NAME: Final = ("usa", "uk", "uae", "nyc")
