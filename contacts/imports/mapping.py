"""Which column goes where: the targets of a mapping, and a good guess from names and contents.

A mapping is JSON, `{"0": "email", "2": "first_name", "5": "field:plan"}`: columns by number, counted from 0; a column that
isn't named is left out.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence

from contacts.exceptions import BadValueError
from contacts.imports.layout import Preview, is_address
from contacts.models import ContactField, FieldType, Import
from contacts.profile import COLUMNS
from contacts.values import Formats, coercer

EMAIL = "email"
FULL_NAME = "full_name"
TAGS = "tags"
FIELD_PREFIX = "field:"
# "new:number" makes a custom field of this type, named for the column.
NEW_PREFIX = "new:"

TARGETS: dict[str, str] = {
    EMAIL: "Email address",
    **{name: column.label for name, column in COLUMNS.items()},
    FULL_NAME: "Full name (split into first and last)",
    TAGS: "Tags (added to those it has)",
}

# What columns are called in English, German, French, Spanish, Italian, Dutch and Portuguese; compared without accents,
# case, blanks and marks.
_SYNONYMS: dict[str, str] = {
    EMAIL: """email emailaddress mail mailaddress emailadresse mailadresse epost elektronischepost courriel adressemail
        adresseemail adresseelectronique correo correoelectronico direccioncorreo direcciondecorreo direcciondecorreoelectronico
        posta indirizzoemail indirizzomail emailadres enderecodeemail enderecoemail contactemail primaryemail workemail
        useremail emailprimary e mel subscriberemail recipient""",
    "first_name": """firstname first fname forename givenname given vorname rufname prenom nombre nombredepila primernombre
        nome voornaam primeironome christianname""",
    "last_name": """lastname last lname surname familyname nachname familienname zuname nom nomdefamille apellido apellidos
        cognome achternaam sobrenome apelido ultimonome""",
    FULL_NAME: """name fullname contactname displayname ganzername vollername vornachname nomcomplet nomprenom prenomnom
        nombrecompleto nombreyapellidos nombreapellidos nomecompleto nomecognome volledigenaam contact person kontakt
        ansprechpartner""",
    "company": """company companyname organisation organization organizationname org firm business employer account
        accountname firma firmenname unternehmen betrieb arbeitgeber societe entreprise raisonsociale compagnie empresa
        compania organizacion azienda ditta societa bedrijf bedrijfsnaam organizacao""",
    "locale": """locale language lang preferredlanguage sprache langue idioma lingua taal languagecode""",
    TAGS: """tags tag labels label etiketten schlagworte etiquettes etiquetas etichette""",
    "time_zone": """timezone tz zeitzone fuseauhoraire zonahoraria huso husohorario fusoorario tijdzone fusohorario""",
}


def normal_name(text: str) -> str:
    """Return a column's name without what doesn't matter: "E-Mail Adresse" becomes "emailadresse"."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).casefold()
    return re.sub(r"[^a-z0-9]", "", plain)


_TARGET_OF = {word: target for target, words in _SYNONYMS.items() for word in words.split()}


def guess_mapping(preview: Preview, fields: Iterable[ContactField]) -> dict[str, str]:
    """Return the mapping that names and contents suggest; each target is used once."""
    by_name = {normal_name(name): f"{FIELD_PREFIX}{field.key}" for field in fields for name in (field.label, field.key)}
    mapping: dict[str, str] = {}
    taken: set[str] = set()

    def take(index: int, target: str | None) -> None:
        if target and target not in taken and str(index) not in mapping:
            mapping[str(index)] = target
            taken.add(target)

    names = [normal_name(name) for name in preview.columns]
    for index, name in enumerate(names):
        take(index, by_name.get(name) or _TARGET_OF.get(name))
    if EMAIL not in taken:
        for index in sorted(range(len(names)), key=lambda column: -_share_of_addresses(preview, column)):
            if _share_of_addresses(preview, index) >= 0.5:
                mapping.pop(str(index), None)
                take(index, EMAIL)
            break
    # «Nom» beside «Prénom» is a last name; a lone «Nombre» or «Nome» is one too if there are last names, else a full name.
    if {"first_name", "last_name"} & taken and FULL_NAME in taken:
        column = next(column for column, target in mapping.items() if target == FULL_NAME)
        missing = {"first_name", "last_name"} - taken
        if missing == {"last_name"}:
            mapping[column] = "last_name"
        elif missing:
            mapping[column] = missing.pop()
        else:
            del mapping[column]
    return mapping


def _share_of_addresses(preview: Preview, index: int) -> float:
    values = preview.values(index)
    return sum(map(is_address, values)) / len(values) if values else 0.0


def guess_type(values: Sequence[str], formats: Formats) -> str:
    """Return the type of custom field that all these values fit, the narrowest first; text if there are none."""
    if not values:
        return FieldType.TEXT
    for type_ in (FieldType.BOOLEAN, FieldType.NUMBER, FieldType.DATE):
        if type_ == FieldType.BOOLEAN and all(value.isdigit() for value in values):
            continue
        if type_ == FieldType.NUMBER and any(re.match(r"[+(]|0\d", value) for value in values):
            continue  # telephone numbers and postcodes
        coerce = coercer(type_, formats=formats)
        if all(_fits(coerce, value) for value in values):
            return type_
    if sum(";" in value or "|" in value for value in values) > len(values) / 2:
        return FieldType.LIST
    return FieldType.TEXT


def _fits(coerce: object, value: str) -> bool:
    try:
        coerce(value)  # type: ignore[operator]
    except BadValueError:
        return False
    return True


def formats_of(source: Import) -> Formats:
    """Return how the import's file writes numbers and dates."""
    return Formats(decimal_comma=source.decimal_comma, date_order=source.date_order)


def resolve_mapping(mapping: Mapping[str, str], columns: Sequence[str], keys: Collection[str]) -> dict[str, str]:
    """Return a mapping by number from one that may name columns by their header and custom fields by their key alone.

    What it doesn't know it leaves, for `check_mapping` to refuse.
    """
    by_name = {normal_name(name): str(number) for number, name in reversed(list(enumerate(columns)))}
    by_name |= {name: str(number) for number, name in reversed(list(enumerate(columns)))}
    resolved = {}
    for column, target in mapping.items():
        number = by_name.get(column) or by_name.get(normal_name(column)) or column
        resolved[number] = f"{FIELD_PREFIX}{target}" if target in keys and target not in TARGETS else target
    return resolved


def check_mapping(mapping: Mapping[str, str], *, width: int, fields: Mapping[str, ContactField]) -> dict[str, str]:
    """Return the mapping in its normal form.

    Raises ValueError, its text for people, when no column gives the address, a column or target isn't there, or two columns
    share a target.
    """
    checked: dict[str, str] = {}
    for column, target in mapping.items():
        if not target:
            continue
        if not re.fullmatch(r"\d{1,4}", str(column)) or int(column) >= width:
            raise ValueError(f"The file has no column {column}.")
        known = target in TARGETS or (target.removeprefix(FIELD_PREFIX) in fields and target.startswith(FIELD_PREFIX))
        if not known:
            raise ValueError(f"There is no field “{target}” to import into.")
        if target in checked.values():
            label = TARGETS.get(target) or fields[target.removeprefix(FIELD_PREFIX)].label
            raise ValueError(f"Two columns go to “{label}”. Choose one of them.")
        checked[str(int(column))] = target
    if EMAIL not in checked.values():
        raise ValueError("Choose the column that holds the email address.")
    return checked
