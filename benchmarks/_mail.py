"""The mail that the sending benchmarks send: about 12 kB, three merge fields, a condition, a loop over the contact's own items, ten links."""

import random

FIELDS = ("plan", "city", "items")

_WORDS = [
    "market",
    "signal",
    "weekly",
    "reader",
    "update",
    "garden",
    "design",
    "summer",
    "release",
    "window",
    "simple",
    "travel",
    "notes",
    "paper",
    "letter",
    "planet",
    "bridge",
    "quiet",
    "method",
    "before",
    "harvest",
    "common",
    "detail",
    "square",
    "orange",
    "winter",
    "silver",
]


def _words(count: int, seed: int) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(_WORDS) for _ in range(count)).capitalize() + "."


def _section(number: int) -> str:
    return f"""<table width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse:collapse;margin:0 0 16px 0">
<tr><td style="padding:12px 24px;font-size:15px;line-height:22px;color:#333333">
<h2>{_words(4, number)}</h2>
<p>{_words(70, number + 100)}</p>
<p><a style="color:#0a58ca" href="https://news.example.com/stories/{number}?edition=42">Read more about it</a></p>
</td></tr></table>"""


SUBJECT = "{{ firstName }}, your October newsletter"
SOURCE = f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Newsletter</title></head>
<body><h1>Hello {{{{ firstName }}}} from {{{{ city }}}}</h1>
{{% if plan == "pro" %}}<p>Thanks for being a pro member of {{{{ company }}}}.</p>{{% else %}}<p>Upgrade {{{{ company }}}} to pro today.</p>{{% endif %}}
{"".join(_section(number) for number in range(6))}
<table>{{% for item in items %}}
<tr><td style="padding:4px 24px">{{{{ item.title }}}}</td><td><b>{{{{ item.price }}}}</b></td>
<td><a href="{{{{ item.url }}}}">Buy now</a></td></tr>{{% endfor %}}</table>
<p>{_words(120, 7)}</p>
<p>{{{{ workspace.address }}}} <a href="{{{{ unsubscribeUrl }}}}">Unsubscribe</a></p>
</body></html>
"""


def attributes(number: int) -> dict[str, object]:
    """Return the custom fields of the contact with this number."""
    return {
        "plan": ("pro", "free", "trial")[number % 3],
        "city": f"City {number % 120}",
        "items": [
            {
                "title": f'Product {(number * 7 + k) % 900} "special"',
                "price": f"{(number + k) % 200}.99 EUR",
                "url": f"https://shop.example.com/p/{(number * 7 + k) % 900}?ref=news",
            }
            for k in range(4)
        ],
    }
