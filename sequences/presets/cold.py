"""Cold outreach: five short mails to somebody who doesn't know you yet."""

from sequences.presets.letters import email

OUTREACH = [
    email(
        "first",
        "{% if company != blank %}{{ company }}{% else %}A question{% endif %}, about your follow-ups",
        "I came across {% if company != blank %}{{ company }}{% else %}your work{% endif %} and noticed something that others in your "
        "field tell me, too: plenty of interest, and too little time to follow up on it.",
        "We help small teams answer everybody within a day, without hiring. The last one got from 40 to 95 percent in a month.",
        "Is that a topic for you at the moment? A “yes” or “no” is all I need.",
    ),
    {"key": "three-days", "kind": "wait", "wait": "P3D", "calendar": True},
    email(
        "bump",
        "{% if company != blank %}{{ company }}{% else %}A question{% endif %}, about your follow-ups",
        "Just putting this at the top of your inbox again, as I know how quickly a week goes by.",
        "If somebody else at {% if company != blank %}{{ company }}{% else %}your company{% endif %} looks after this, I’d be grateful "
        "for a name.",
        thread=True,
    ),
    {"key": "four-days", "kind": "wait", "wait": "P4D", "calendar": True},
    email(
        "proof",
        "How others answer within a day",
        "One example instead of many words: a team of three with 200 requests a week. Before, every second one waited for more than "
        "two days. Now none does, and they didn’t hire anybody.",
        'How they did it is <a href="https://example.com/example">on one page</a>. Would something like that help you?',
        thread=True,
    ),
    {"key": "five-days", "kind": "wait", "wait": "P5D", "calendar": True},
    email(
        "offer",
        "Fifteen minutes, and you keep the notes",
        "A suggestion: fifteen minutes on the phone. I look at how requests reach you today and tell you the two things I’d change "
        "first. You keep the notes, whether we work together or not.",
        "Would Tuesday or Thursday suit you better?",
        thread=True,
    ),
    {"key": "week", "kind": "wait", "wait": "P7D", "calendar": True},
    email(
        "last",
        "Shall I close your file?",
        "I haven’t heard from you, which usually means that it isn’t the right time. That is perfectly fine, and this is my last mail "
        "about it.",
        "If it becomes a topic later, a reply to this mail is enough, even in a year.",
        "I wish you a good quarter!",
        thread=True,
    ),
]  # fmt: skip
