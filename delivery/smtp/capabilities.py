"""What a server offers."""

from dataclasses import dataclass

from delivery.smtp.envelope import Envelope, Refusal
from delivery.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server offered in its answer to EHLO; `size` is in octets, 0: no limit known."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    size_declared: bool = False
    size: int = 0
    auth: frozenset[str] = frozenset()

    @classmethod
    def of(cls, hello: Reply) -> "Capabilities":
        """Read the keywords of an EHLO reply (RFC 5321 4.1.1.1)."""
        words: dict[str, list[str]] = {}
        for line in hello.lines[1:]:
            keyword, *parameters = line.replace("=", " ").upper().split() or [""]
            words.setdefault(keyword, []).extend(parameters)
        size = words.get("SIZE", [])
        return cls(
            pipelining="PIPELINING" in words,
            eight_bit="8BITMIME" in words,
            smtputf8="SMTPUTF8" in words,
            starttls="STARTTLS" in words,
            size_declared="SIZE" in words,
            # isdecimal also takes digits of other scripts, which int reads; a number of absurd length is no limit.
            size=int(size[0]) if size and size[0].isdecimal() and len(size[0]) < 20 else 0,
            auth=frozenset(words.get("AUTH", [])),
        )

    def refusal(self, envelope: Envelope) -> Refusal | None:
        """Return why the envelope can't be offered to this server, or None."""
        if envelope.utf8 and not self.smtputf8:
            return Refusal.NEEDS_SMTPUTF8
        if 0 < self.size < envelope.size:
            return Refusal.TOO_LARGE
        return None if envelope.is_sound else Refusal.MALFORMED

    def parameters(self, envelope: Envelope) -> str:
        """Return the parameters of MAIL for this envelope (RFC 1870, 6152, 6531), each with a space before it."""
        size = f" SIZE={envelope.size}" if self.size_declared else ""
        body = " BODY=8BITMIME" if envelope.eight_bit and self.eight_bit else ""
        return f"{size}{body} SMTPUTF8" if envelope.utf8 else size + body
