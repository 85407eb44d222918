"""The proof's numbers on the page and in the docs are the same."""

from pathlib import Path

from abtests.proofs import PROOFS

DOCS = Path(__file__).parents[3] / "docs/explanation/ab-statistics.md"


def test_the_page_shows_the_numbers_of_the_docs():
    told = DOCS.read_text().replace(" %", "%")
    for proof in PROOFS:
        assert f"| {proof.found} |" in told, proof
