"""What Northbeam, the demo's company, writes: a few emails on one frame."""

from dataclasses import dataclass
from string import Template as Frame
from xml.sax.saxutils import escape

ACCENT = "#0f766e"

FRAME = Frame("""<mjml lang="en">
  <mj-head>
    <mj-attributes>
      <mj-all font-family="-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif" />
      <mj-text font-size="16px" line-height="26px" color="#3f4856" padding="0 0 16px" />
      <mj-section padding="0 32px" background-color="#ffffff" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#eef3f2">
    <mj-section background-color="#eef3f2" padding="28px 8px 16px">
      <mj-column><mj-text font-size="18px" font-weight="700" color="#134e4a">Northbeam</mj-text></mj-column>
    </mj-section>
    <mj-section padding="40px 32px 8px" border-radius="14px 14px 0 0">
      <mj-column>
        <mj-text font-size="30px" line-height="38px" font-weight="700" color="#111827">$headline</mj-text>
        <mj-text>Hi {{ firstName | default: "there" }},</mj-text>
        <mj-text>$lead</mj-text>
        <mj-button align="left" background-color="$accent" border-radius="8px" font-weight="600" padding="8px 0 28px"
          href="$url?plan={{ plan | default: 'free' | url_encode }}">$button</mj-button>
      </mj-column>
    </mj-section>
$stories
    <mj-section padding="8px 32px 32px" border-radius="0 0 14px 14px">
      <mj-column>
        <mj-text>{% if plan == "business" %}Your account manager is one reply away.{% else %}Questions? Just reply.{% endif %}</mj-text>
        <mj-text font-weight="600" color="#111827" padding="0">{{ sender.name }}</mj-text>
      </mj-column>
    </mj-section>
    <mj-section background-color="#eef3f2" padding="24px 8px 36px">
      <mj-column>
        <mj-text font-size="13px" line-height="20px" color="#4f5b5a">{{ workspace.company }}<br />{{ workspace.address | newline_to_br }}</mj-text>
        <mj-text font-size="13px" line-height="20px" color="#4f5b5a" padding="0"><a href="{{ unsubscribeUrl }}">Unsubscribe</a> · <a href="{{ preferencesUrl }}">Preferences</a> · <a href="{{ viewUrl }}">View online</a></mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
""")

STORY = Frame("""    <mj-section padding="0 32px 8px">
      <mj-column>
        <mj-divider border-width="1px" border-color="#dbe4e2" padding="0 0 20px" />
        <mj-text font-size="19px" font-weight="700" color="#111827" padding="0 0 6px">$title</mj-text>
        <mj-text padding="0 0 20px">$text <a href="$url">Read on</a></mj-text>
      </mj-column>
    </mj-section>""")


@dataclass(frozen=True, slots=True)
class Email:
    """One email of the demo: a name for its template, a subject, and MJML."""

    name: str
    subject: str
    preheader: str
    source: str


def _email(
    name: str,
    subject: str,
    preheader: str,
    *,
    headline: str,
    lead: str,
    button: str,
    path: str,
    stories: tuple[tuple[str, str, str], ...] = (),
) -> Email:
    site = "https://northbeam.example/"
    told = "\n".join(
        STORY.substitute(title=escape(title), text=escape(text), url=site + where) for title, text, where in stories
    )
    source = FRAME.substitute(
        headline=escape(headline),
        lead=escape(lead),
        button=escape(button),
        url=site + path,
        stories=told,
        accent=ACCENT,
    )
    return Email(name, subject, preheader, source)


NEWSLETTER_SEPTEMBER = _email(
    "Newsletter: September",
    "Maps that load before you blink",
    "Faster maps, a new export, and dates for your diary.",
    headline="Maps that load before you blink",
    lead="We rebuilt how Northbeam draws routes. A day's tour with two hundred stops now opens in under a second, on the phone too.",
    button="See it in action",
    path="blog/faster-maps",
    stories=(
        ("Export to your spreadsheet", "Every route, with times and drivers, in one click.", "blog/export"),
        ("Meet us in Lisbon", "Two days of talks on getting things from A to B.", "events/lisbon"),
    ),
)
NEWSLETTER_OCTOBER = _email(
    "Newsletter: October",
    "{{ firstName | default: 'You' }}, what your routes cost you",
    "A calculator, a customer's story, and a small thing everyone asked for.",
    headline="What do your routes really cost?",
    lead="Fuel is the part you see. Waiting is the part you pay for. Our new calculator shows both for a week of your own tours.",
    button="Open the calculator",
    path="calculator",
    stories=(
        (
            "How Saltmarsh Brewing saved a van",
            "Four drivers, three vans, and nobody in a hurry.",
            "customers/saltmarsh",
        ),
        ("Dark mode is here", "Night shifts, rejoice.", "blog/dark-mode"),
    ),
)
LAUNCH = _email(
    "Launch: Northbeam Live",
    "New: see every delivery as it happens",
    "Northbeam Live is part of your plan from today.",
    headline="See every delivery as it happens",
    lead="Northbeam Live shows drivers, arrivals and delays on one map, and tells your customers before they ask.",
    button="Turn on Live",
    path="live",
    stories=(("How it works", "Three minutes, no slides.", "live/how-it-works"),),
)
NEWSLETTER_NOVEMBER = _email(
    "Newsletter: November",
    "The quiet art of arriving on time",
    "Winter tyres, winter hours, and a new guide.",
    headline="The quiet art of arriving on time",
    lead="Snow, parades, school runs: the things that make a tour late are rarely on the map. Here is how planners deal with them.",
    button="Read the guide",
    path="guides/on-time",
    stories=(
        ("Winter hours", "Set them once for all your depots.", "help/winter-hours"),
        ("What Live showed us", "Ten million kilometres later.", "blog/ten-million"),
    ),
)
WINTER_SALE = _email(
    "Offer: a year for ten months",
    "Two months on us, until Sunday",
    "Switch to a yearly plan and pay for ten months.",
    headline="Two months on us",
    lead="Switch to a yearly plan until Sunday and pay for ten months instead of twelve. Your data and your drivers stay where they are.",
    button="Switch now",
    path="pricing",
)
WELCOME = _email(
    "Onboarding 1: welcome",
    "Welcome to Northbeam, {{ firstName | default: 'and thank you' }}",
    "Your first route in five minutes.",
    headline="Your first route in five minutes",
    lead="Upload a list of addresses, press Plan, and hand the result to a driver. That is all there is to a first tour.",
    button="Plan a route",
    path="start",
)
TIPS = _email(
    "Onboarding 2: three habits",
    "Three habits of people who plan well",
    "None of them takes longer than a coffee.",
    headline="Three habits of people who plan well",
    lead="They fix the first stop, they leave gaps, and they look at yesterday before they plan tomorrow.",
    button="See the habits",
    path="guides/habits",
    stories=(("Invite your drivers", "They need no account to follow a tour.", "help/drivers"),),
)
NUDGE = _email(
    "Onboarding 2: one address is enough",
    "One address is enough to start",
    "No list at hand? Type one in.",
    headline="One address is enough to start",
    lead="You don't need a spreadsheet for a first look. Type in one address, drag the pin, and see what a tour looks like on your phone.",
    button="Try one address",
    path="start/one",
)
TRIAL = _email(
    "Trial: your first tour",
    "Your {{ event.plan | default: 'Northbeam' }} trial is ready",
    "Fourteen days, everything switched on.",
    headline="Your trial is ready",
    lead="Everything is switched on for fourteen days. Most people start with tomorrow's tour: it is the one they know best.",
    button="Plan tomorrow's tour",
    path="start/trial",
)
TRIAL_HELP = _email(
    "Trial: stuck?",
    "Stuck? Send us your list",
    "We turn any spreadsheet into a tour.",
    headline="Send us your list",
    lead="Reply with the spreadsheet that you use today, however odd it is. You get it back as a planned tour within a day.",
    button="See an example",
    path="start/example",
)
TALK = _email(
    "Onboarding 3: a talk",
    "Shall we look at your routes together?",
    "Twenty minutes, your data, no slides.",
    headline="Shall we look at your routes together?",
    lead="Bring a week of tours. We bring somebody who has planned a few thousand of them.",
    button="Pick a time",
    path="talk",
)
EMAILS = (
    NEWSLETTER_SEPTEMBER,
    NEWSLETTER_OCTOBER,
    LAUNCH,
    NEWSLETTER_NOVEMBER,
    WINTER_SALE,
    WELCOME,
    TIPS,
    NUDGE,
    TALK,
    TRIAL,
    TRIAL_HELP,
)
