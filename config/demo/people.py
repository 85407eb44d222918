"""People for the demo workspace: seeded, in several locales, all under domains reserved for examples (RFC 2606)."""

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Region:
    """Where some of the people live: names as they are written there."""

    locale: str
    country: str
    time_zone: str
    weight: int
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """One contact, ready for the import: `attributes` are the demo workspace's custom fields."""

    email: str
    first_name: str
    last_name: str
    company: str
    locale: str
    time_zone: str
    attributes: dict[str, Any]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


REGIONS = (
    Region(
        "en-US",
        "United States",
        "America/New_York",
        26,
        _names(
            "Olivia Emma Ava Sophia Mia Harper Evelyn Grace Liam Noah James Lucas Mason Ethan Logan Jack Maya Aaron"
        ),
        _names(
            "Smith Johnson Brown Davis Miller Wilson Moore Taylor Thomas Lee Walker Young King Scott Hill Nguyen Diaz"
        ),
    ),
    Region(
        "en-GB",
        "United Kingdom",
        "Europe/London",
        14,
        _names("Amelia Isla Poppy Freya Florence Elsie George Arthur Harry Oscar Archie Theo Imogen Rory Callum Priya"),
        _names(
            "Jones Williams Evans Thomas Roberts Hughes Clarke Wright Patel Khan Bennett Fletcher Ashworth Whitaker"
        ),
    ),
    Region(
        "de-DE",
        "Germany",
        "Europe/Berlin",
        16,
        _names(
            "Hannah Lea Marie Jürgen Lukas Jonas Felix Käthe Anneliese Sören Björn Mia Paul Leonie Greta Matthias Ömer"
        ),
        _names(
            "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schäfer Koch Großmann Krüger Böhm Vogel Yılmaz"
        ),
    ),
    Region(
        "fr-FR",
        "France",
        "Europe/Paris",
        11,
        _names("Chloé Léa Manon Inès Camille Zoé Hugo Louis Jules Gaël Théo Raphaël Noémie Élodie François Aïcha"),
        _names("Martin Bernard Dubois Petit Durand Leroy Moreau Lefèvre Garçon Fournier Mercier Blanc Guérin Benali"),
    ),
    Region(
        "es-ES",
        "Spain",
        "Europe/Madrid",
        9,
        _names("Lucía Martina Sofía Paula Iñaki Nerea Hugo Pablo Álvaro Adrián Begoña Rocío Íñigo Carmen Javier"),
        _names(
            "García Fernández González Rodríguez López Martínez Sánchez Pérez Núñez Ibáñez Muñoz Castaño Etxeberria"
        ),
    ),
    Region(
        "pt-BR",
        "Brazil",
        "America/Sao_Paulo",
        8,
        _names("Ana Beatriz Júlia João Letícia Gabriel Rafael Conceição Antônio Larissa Thiago Luísa Otávio Bianca"),
        _names(
            "Silva Santos Oliveira Souza Lima Pereira Araújo Gonçalves Ribeiro Carvalho Assunção Magalhães Nakamura"
        ),
    ),
    Region(
        "pl-PL",
        "Poland",
        "Europe/Warsaw",
        6,
        _names("Zofia Hanna Julia Małgorzata Łukasz Paweł Stanisław Grażyna Jakub Antoni Agnieszka Żaneta Wojciech"),
        _names("Nowak Kowalski Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Dąbrowski Łuczak Piątek"),
    ),
    Region(
        "sv-SE",
        "Sweden",
        "Europe/Stockholm",
        5,
        _names("Alma Astrid Ebba Åsa Göran Hugo Elsa Nils Linnéa Östen Signe Viggo Maja Björn"),
        _names("Andersson Johansson Karlsson Nilsson Eriksson Åberg Sjöberg Öström Lindqvist Håkansson Bergström"),
    ),
    Region(
        "ja-JP",
        "Japan",
        "Asia/Tokyo",
        5,
        _names("陽菜 結衣 美咲 さくら 大翔 蓮 健太 翔太 由美 直樹"),
        _names("佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村 小林 加藤"),
    ),
)

ROMANISED = {
    "陽菜": "hina", "結衣": "yui", "美咲": "misaki", "さくら": "sakura", "大翔": "hiroto", "蓮": "ren", "健太": "kenta",
    "翔太": "shota", "由美": "yumi", "直樹": "naoki", "佐藤": "sato", "鈴木": "suzuki", "高橋": "takahashi", "田中": "tanaka",
    "渡辺": "watanabe", "伊藤": "ito", "山本": "yamamoto", "中村": "nakamura", "小林": "kobayashi", "加藤": "kato",
}  # fmt: skip

COMPANIES = (
    "Northwind Traders", "Bluebird Logistics", "Fathom Analytics", "Kestrel Bikes", "Lumen Studio", "Harbour & Co",
    "Orchard Foods", "Pinewood Labs", "Quill Publishing", "Riverstone Bank", "Saltmarsh Brewing", "Tandem Health",
    "Umbra Lighting", "Verdant Gardens", "Wayfarer Travel", "Yonder Maps", "Zephyr Energy", "Atelier Nord",
    "Brückner Werkzeuge", "Café Lumière", "Dorado Solar", "Estrela Têxtil", "Fjällräven Verkstad", "Grupa Wisła",
    "Hoshi Design", "Iglesias Hermanos", "Juniper Clinics", "Kraftwerk Nord", "Lindgren Möbel", "Maison Perrin",
)  # fmt: skip

PLANS = (("free", 55), ("team", 30), ("business", 15))
INTERESTS = ("product news", "webinars", "case studies", "engineering", "pricing", "events")
TRANSLITERATED = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "Ł": "L", "ı": "i", "ü": "ue", "ö": "oe", "ä": "ae"})


def people(count: int, *, seed: int, today: date) -> Iterator[Person]:
    """Yield `count` people, the same ones for the same seed, each with an address of their own."""
    draw = random.Random(seed)
    taken: dict[str, int] = {}
    for _ in range(count):
        region = draw.choices(REGIONS, weights=[region.weight for region in REGIONS])[0]
        first, last = draw.choice(region.first_names), draw.choice(region.last_names)
        company = draw.choice(COMPANIES)
        local = f"{_ascii(first)}.{_ascii(last)}"
        domain = f"{_ascii(company)}.example"
        address = f"{local}@{domain}"
        taken[address] = taken.get(address, 0) + 1
        if taken[address] > 1:
            address = f"{local}{taken[address]}@{domain}"
        plan = draw.choices([name for name, _ in PLANS], weights=[weight for _, weight in PLANS])[0]
        signed_up = today - timedelta(days=int(draw.expovariate(1 / 240)) % 1400 + 1)
        attributes: dict[str, Any] = {
            "country": region.country,
            "plan": plan,
            "signed_up_on": signed_up.isoformat(),
            "seats": 1 if plan == "free" else draw.randint(2, 25 if plan == "team" else 400),
            "newsletter": draw.random() < 0.8,
            "interests": sorted(draw.sample(INTERESTS, k=draw.randint(1, 3))),
        }
        # Real address books have holes: they make the empty-field warnings and the fallbacks visible.
        if draw.random() < 0.06:
            first = last = ""
        yield Person(
            email=address,
            first_name=first,
            last_name=last,
            company=company if draw.random() > 0.08 else "",
            locale=region.locale,
            time_zone=region.time_zone,
            attributes=attributes,
        )


def _ascii(text: str) -> str:
    text = ROMANISED.get(text, text).lower().translate(TRANSLITERATED)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
