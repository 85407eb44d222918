"""Letters of the presets: plain paragraphs in the layout of a personal mail, which reads well on every screen."""

from typing import Any

HEAD = """<mjml lang="en">
  <mj-head>
    <mj-title>{{ sender.name }}</mj-title>
    <mj-raw>
      <meta name="color-scheme" content="light dark">
      <meta name="supported-color-schemes" content="light dark">
    </mj-raw>
    <mj-attributes>
      <mj-all font-family="-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif" />
      <mj-text font-size="16px" line-height="26px" color="#1f2328" padding="0 0 18px" />
      <mj-button font-size="16px" background-color="#0b57d0" border-radius="6px" inner-padding="12px 22px" align="left" padding="4px 0 22px" />
    </mj-attributes>
    <mj-style>
      a { color: #0b57d0; }
      .footer a { color: #5f6670; }
      @media (max-width: 479px) {
        .page { padding: 0 12px !important; }
      }
      @media (prefers-color-scheme: dark) {
        body, .page { background-color: #111418 !important; }
        .copy div { color: #e6e9ee !important; }
        .copy div a { color: #8ab4f8 !important; }
        .footer div, .footer div a { color: #969ea9 !important; }
      }
      [data-ogsc] .copy div { color: #e6e9ee !important; }
    </mj-style>
  </mj-head>
  <mj-body background-color="#ffffff" width="620px" css-class="page">
    <mj-section padding="24px 8px 8px">
      <mj-column>
"""
FOOT = """      </mj-column>
    </mj-section>
    <mj-section padding="12px 8px 32px">
      <mj-column>
        <mj-text css-class="footer" font-size="13px" line-height="20px" color="#5f6670" padding="0">{{ workspace.company | default: workspace.name }}, {{ workspace.address | newline_to_br | replace: "<br />", "," }}<br><a href="{{ unsubscribeUrl }}">Unsubscribe</a></mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
HELLO = 'Hi {{ firstName | default: "there" }},'
GOODBYE = "Best,<br>{{ sender.name }}"


def letter(*paragraphs: str, button: tuple[str, str] | None = None, closing: str = GOODBYE) -> str:
    """Return the MJML of a letter; `button` is a label and an address, and stands before the closing."""
    lines = [_paragraph(text) for text in (HELLO, *paragraphs)]
    if button:
        label, address = button
        lines.append(f'        <mj-button href="{address}">{label}</mj-button>')
    return "\n".join([HEAD.rstrip("\n"), *lines, _paragraph(closing), FOOT])


def email(key: str, subject: str, *paragraphs: str, preheader: str = "", **more: Any) -> dict[str, Any]:
    """Return an email step with a letter of its own; `more` are a button and settings of the step."""
    button = more.pop("button", None)
    return {
        "key": key,
        "kind": "email",
        "subject": subject,
        "preheader": preheader,
        "format": "mjml",
        "source": letter(*paragraphs, button=button),
        **more,
    }


def _paragraph(text: str) -> str:
    return f'        <mj-text css-class="copy">{text}</mj-text>'
